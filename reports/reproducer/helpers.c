/* What a reproducer does besides the calls of fixtures/calls.c: print and compare outcomes, and the calls that no agent in C
 * makes, those composed of several and those of agent.py alone. A paragraph is taken or left as in calls.c. CALL_TIMEOUT_S,
 * BYTES and error_name() come before. */

static const char *called;    /* the call that is made, as written in main() */
static char outcome[32];      /* what it returned, and errno */
static char fields[16384];    /* what else came back: ", revents: POLLIN" */
static char headline[1024];   /* the first call that departs */
static int value;             /* what the call returned */
static int error;             /* and its errno */
static int failures;          /* checks that do not hold */
static int status_if_blocked; /* the exit status if the call does not return */
static double began;          /* when the call was made, in seconds */
static double took;           /* how long it took */

/* The last line, and the exit status. */
static void finish(int status) {
    static const char *const verdicts[] = {"the document holds", "the document does not hold: ", "not reached: "};
    printf("\n\n%s%s\n", verdicts[status], status ? headline : "");
    exit(status);
}

/* A call that blocks or crashes is the last. The signal interrupts that call, not stdio, so that printing is safe. */
static void lost(int number) {
    const char *what = number == SIGALRM ? "blocks" : "crashed";
    int status = number == SIGALRM ? status_if_blocked : 1;
    printf(" = %s", what);
    if (!failures)
        snprintf(headline, sizeof headline, "%s = %s", called, what);
    finish(failures ? 1 : status);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void before(const char *call, int if_blocked) {
    called = call;
    printf("\n%s", call);
    fflush(stdout);
    fields[0] = '\0';
    status_if_blocked = if_blocked;
    alarm(CALL_TIMEOUT_S);
    began = now();
}

/* Print the outcome of the call, which is returned, with errno as it was. */
static int after(int returned) {
    error = errno;
    took = now() - began;
    alarm(0);
    value = returned;
    if (value == -1)
        snprintf(outcome, sizeof outcome, "-1 %s", error_name(error));
    else
        snprintf(outcome, sizeof outcome, "%d", value);
    printf(" = %s", outcome);
    if (took >= 1)
        printf(" after %.1f s", took);
    errno = error;
    return value;
}

/* Print something else that came back from the call, unless it failed. */
static void show(const char *key, const char *text) {
    size_t end = strlen(fields);
    if (value == -1)
        return;
    snprintf(fields + end, sizeof fields - end, ", %s: %s", key, *text ? text : "none");
    printf("%s", fields + end);
}

static void show_number(const char *key, int number) {
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    show(key, text);
}

/* A precondition: without it there is nothing to check. */
static void need(int reached) {
    if (reached)
        return;
    if (!failures)
        snprintf(headline, sizeof headline, "%s = %s", called, outcome);
    finish(failures ? 1 : 2);
}

/* What a clause obliges to. */
static void check(const char *clause, const char *expected, int holds) {
    if (holds)
        return;
    printf("   <- expected %s: %s", expected, clause);
    if (!failures++)
        snprintf(headline, sizeof headline, "%s = %s, expected %s", called, outcome, expected);
}

/* What no document that binds the platform settles: printed, not counted. */
static void compare(const char *clause, const char *named, int as_named) {
    if (!as_named)
        printf("   <- not required, not %s: %s", named, clause);
}

/* Whether the last call failed so. */
static int failed(int number) { return value == -1 && error == number; }

/* How an attempt ended, for checks that depend on it: 0 or an errno. */
static int attempted(void) { return value == -1 ? error : value; }

/* Whether something came back from the last call: gave("revents: POLLIN"). */
static int gave(const char *field) {
    const char *at = strstr(fields, field);
    const char *end = at ? at + strlen(field) : NULL;
    return end && (*end == '\0' || strncmp(end, ", ", 2) == 0);
}

static void start(void) {
    signal(SIGALRM, lost);
    signal(SIGSEGV, lost);
    signal(SIGBUS, lost);
    signal(SIGPIPE, SIG_IGN);
}

/* Paths are made in a fresh folder, and removed with it. */
static char folder[] = "/tmp/connect-XXXXXX";
static int drop(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status, (void)type, (void)place;
    return remove(path);
}
static void remove_folder(void) {
    if (chdir("/") == 0)
        nftw(folder, drop, 16, FTW_DEPTH | FTW_PHYS);
}
static void enter_folder(void) {
    if (!mkdtemp(folder) || chdir(folder)) {
        perror(folder);
        exit(2);
    }
    atexit(remove_folder);
}

/* --- socket addresses --- */

/* A path that no literal can hold: one that begins so many times with the same. */
static const char *repeated(const char *text, int times, const char *rest) {
    static char path[BYTES];
    path[0] = '\0';
    while (times--)
        strcat(path, text);
    return strcat(path, rest);
}

static int port_of(const Address *address) { return ntohs(address->raw.in.sin_port); }

static int reads(const Address *address, const char *text) {
    char own[ADDRESS_TEXT];
    return strcmp(address_text(address, own), text) == 0;
}

static int starts(const Address *address, const char *text) {
    char own[ADDRESS_TEXT];
    return strncmp(address_text(address, own), text, strlen(text)) == 0;
}

static int same(const Address *one, const Address *other) {
    char text[ADDRESS_TEXT];
    return reads(other, address_text(one, text));
}

static void show_name(const Address *address) {
    char text[ADDRESS_TEXT];
    show("name", address_text(address, text));
}

static void show_stored(const Address *address) {
    char text[ADDRESS_TEXT];
    show("name", stored_text(address, text));
    show_number("length", (int)address->length);
}

/* --- what calls return --- */

static int ends[2] = {-1, -1}; /* of a pipe or a pair of sockets */

static void take_ends(int *first, int *second) {
    *first = ends[0];
    if (second)
        *second = ends[1];
}

static int got; /* the value of an option */

static char data[2048]; /* what was received */

static void show_data(void) {
    static char text[3 * sizeof data + 8];
    quote(text, sizeof text, data, value < 0 ? 0 : (size_t)value, "/");
    show("data", text);
}

/* Events by their names in poll(). */
static void show_events(int events) {
    static const struct {
        int event;
        const char *text;
    } known[] = {
        {POLLIN, "POLLIN"}, {POLLPRI, "POLLPRI"}, {POLLOUT, "POLLOUT"}, {POLLERR, "POLLERR"}, {POLLHUP, "POLLHUP"},
        {POLLNVAL, "POLLNVAL"},
#ifdef POLLRDHUP
        {POLLRDHUP, "POLLRDHUP"},
#endif
    };
    char text[96] = "";
    for (size_t at = 0; at < sizeof known / sizeof *known; at++)
        if (events & known[at].event)
            strcat(strcat(text, *text ? "," : ""), known[at].text);
    show("revents", text);
}

static void show_ready(int events) {
    char text[32] = "";
    if (events & POLLIN)
        strcat(text, ",input");
    if (events & POLLOUT)
        strcat(text, ",output");
    if (events & POLLPRI)
        strcat(text, ",exceptional");
    show("ready", text + (*text == ','));
}

/* Of kqueue_events(). */
static void show_kevent(int events) {
    show_ready(events);
    show("flags", events & POLLHUP ? "EV_EOF" : "");
    show("value", events >> 16 ? error_name(events >> 16) : "ok");
}

static void show_crowd(void) {
    char text[512] = "";
    show_number("connected", crowd.connected);
    for (int at = 0; at < crowd.error_count; at++)
        strcat(strcat(text, at ? "," : ""), error_name(crowd.errors[at]));
    if (*text)
        show("others", text);
}

static const CallThread *joined; /* whose outcome is shown */
static void show_joined(const CallThread *caller) {
    joined = caller;
    if (caller->waiting.show)
        caller->waiting.show(value);
}

/* What was received on a thread. */
static void show_received(int size) {
    static char text[3 * BYTES + 8];
    quote(text, sizeof text, joined->to.raw.bytes, size < 0 ? 0 : (size_t)size, "/");
    show("data", text);
}

/* What waits on its thread does so when this returns. */
static void settle(const CallThread *caller) {
    for (int left = 50; left && !has_returned(caller); left--)
        pause_ms(1);
}

/* --- calls composed of several --- */

/* What was accepted from a listener and has no name. */
#define MOST_ENDS 256
static int accepted_ends[MOST_ENDS], listener_of[MOST_ENDS], end_count;
static int keep_end(int listener, int s) {
    if (end_count < MOST_ENDS) {
        accepted_ends[end_count] = s;
        listener_of[end_count++] = listener;
    }
    return s;
}

/* Empty the queue of as many connections as filled it, or of all (-1): how many. The accepted sockets stay open. */
static int accept_all(int s, int most) {
    int count = 0;
    for (; count != most && wait_poll(s, POLLIN, 0) > 0; count++)
        if (keep_end(s, accept(s, NULL, NULL)) < 0)
            return -1;
    return count;
}

#define ALL_BYTES 256
static int send_all(int s, const char *bytes) { return send(s, bytes, ALL_BYTES, 0) == ALL_BYTES; }

/* Receive these bytes; -1, or whether all came; `moved` is how many came right if not all did. */
static char moved[32];
static int receive_all(const char *way, int s, const char *bytes) {
    char came[ALL_BYTES];
    int found = 0, right = 0;
    for (ssize_t count = 1; count > 0 && found < ALL_BYTES; found += (int)count) {
        wait_poll(s, POLLIN, -1);
        count = recv(s, came + found, (size_t)(ALL_BYTES - found), 0);
        if (count < 0)
            return -1;
    }
    while (right < found && came[right] == bytes[right])
        right++;
    snprintf(moved, sizeof moved, "%s-%d-of-%d", way, right, ALL_BYTES);
    return right == ALL_BYTES;
}

/* The listener's end on which data comes, of those that accept_all() took and of who is next; any other socket itself. */
static int accepted_peer(int s) {
    int listens;
    get_option(s, SOL_SOCKET, SO_ACCEPTCONN, &listens);
    while (listens) {
        char byte;
        struct pollfd wanted[1 + MOST_ENDS] = {{s, POLLIN, 0}};
        for (int i = 0; i < end_count; i++) {
            wanted[1 + i].fd = listener_of[i] == s ? accepted_ends[i] : -1;
            wanted[1 + i].events = POLLIN;
        }
        poll(wanted, 1 + (nfds_t)end_count, -1);
        for (int i = 0; i < end_count; i++)
            if (wanted[1 + i].revents && recv(accepted_ends[i], &byte, 1, MSG_PEEK) > 0)
                return accepted_ends[i];
            else if (wanted[1 + i].revents)
                accepted_ends[i] = -1; /* its client has gone */
        if (wanted[0].revents && keep_end(s, accept(s, NULL, NULL)) < 0)
            return -1;
    }
    return s;
}

/* Send every byte there is each way; `moved` is whether all arrives, and intact. A datagram socket there has no peer. */
static int exchange(int here, int there) {
    char up[ALL_BYTES], down[ALL_BYTES];
    Address peer;
    int came, type;
    for (int i = 0; i < ALL_BYTES; i++)
        up[i] = down[ALL_BYTES - 1 - i] = (char)i;
    if (getpeername(here, INTO(&peer)) < 0 || !send_all(here, up) || (there = accepted_peer(there)) < 0)
        return -1;
    came = receive_all("there", there, up);
    get_option(there, SOL_SOCKET, SO_TYPE, &type);
    if (came > 0 && type != SOCK_DGRAM)
        came = send_all(there, down) ? receive_all("back", here, down) : -1;
    if (came > 0)
        strcpy(moved, "intact");
    return came < 0 ? -1 : 0;
}

/* --- calls of agent.py alone --- */

/* A facility of illumos and Solaris. */
static int wait_devpoll(int fd, int events, int timeout) {
    struct pollfd one = {fd, (short)events, 0};
    struct dvpoll asked = {&one, 1, timeout};
    int device = open("/dev/poll", O_RDWR);
    if (device < 0 || write(device, &one, sizeof one) < 0)
        return -1;
    int count = ioctl(device, DP_POLL, &asked);
    return count > 0 ? one.revents : count;
}

/* Whether the C compiler, $CC or cc, takes a program: headers, which '|' parts, and one declaration behind them. */
static int compiles(int xopen, const char *headers, const char *declaration, size_t length) {
    FILE *file = fopen("declared.c", "w");
    if (!file)
        return 0;
    if (xopen)
        fprintf(file, "#define _XOPEN_SOURCE %d\n", xopen);
    for (size_t size; (size = strcspn(headers, "|")); headers += size + (headers[size] == '|'))
        fprintf(file, "#include <%.*s>\n", (int)size, headers);
    fprintf(file, "%.*s;\n", (int)length, declaration);
    int closed = fclose(file);
    int status = system("TMPDIR=. ${CC:-cc} -c -o declared.o declared.c 2>declared.txt");
    unlink("declared.c"), unlink("declared.o"), unlink("declared.txt");
    return closed == 0 && status == 0;
}

/* Whether headers declare a function like one of the declarations, which '|' parts: another type behind theirs breaks a
 * constraint of C, which compilers refuse. */
static int declares(const char *function, int xopen, const char *headers, const char *declarations) {
    char use[100];
    snprintf(use, sizeof use, "enum { declared = sizeof &%s }", function);
    need(compiles(xopen, headers, "int control(int)", 16));
    need(!compiles(0, "", "int control(int); long control(int)", 35));
    errno = ENOENT;
    if (!compiles(xopen, headers, use, strlen(use)))
        return -1;
    for (size_t size; (size = strcspn(declarations, "|")); declarations += size + (declarations[size] == '|'))
        if (compiles(xopen, headers, declarations, size))
            return 0;
    errno = EINVAL;
    return -1;
}
