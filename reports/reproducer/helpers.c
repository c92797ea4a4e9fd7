/* What reproducers are made of. A paragraph, which holds no empty line, is what a reproducer takes or leaves; it
 * declares one thing a line, so that reproduce.py knows the names. PATIENCE_S, ROOM and error_name() stand before. */

static const char *called;    /* the call that is made, as it stands in main() */
static char outcome[32];      /* what it returned, and errno */
static char fields[16384];    /* what else came back: "revents: POLLIN" */
static char headline[1024];   /* the first call that departs */
static int value;             /* what the call returned */
static int error;             /* and its errno */
static int failures;          /* checks that do not hold */
static int status_if_blocked; /* the exit status if the call does not return */
static double began;          /* when the call was made, in seconds */
static double took;           /* how long it took */

/* A field that came back; it is printed behind the outcome. */
static void tell(const char *key, const char *text)
{
    size_t end = strlen(fields);
    snprintf(fields + end, sizeof fields - end, "%s%s: %s", end ? ", " : "", key, *text ? text : "none");
}

/* The last line, and the exit status. */
static void finish(int status)
{
    static const char *const verdicts[] = {"the document holds", "the document does not hold: ", "not reached: "};
    printf("\n\n%s%s\n", verdicts[status], status ? headline : "");
    exit(status);
}

/* A call that blocks or crashes is the last. The signal interrupts that call, not stdio, so that printing is safe. */
static void lost(int number)
{
    const char *what = number == SIGALRM ? "blocks" : "crashed";
    int status = number == SIGALRM ? status_if_blocked : 1;
    printf(" = %s", what);
    if (!failures)
        snprintf(headline, sizeof headline, "%s = %s", called, what);
    finish(failures ? 1 : status);
}

#include <time.h>
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void before(const char *call, int if_blocked)
{
    called = call;
    printf("\n%s", call);
    fflush(stdout);
    fields[0] = '\0';
    status_if_blocked = if_blocked;
    alarm(PATIENCE_S);
    began = now();
}

/* Prints the outcome of the call; gives back what it returned, and leaves errno as it was. */
static int after(int returned)
{
    error = errno;
    took = now() - began;
    alarm(0);
    value = returned;
    if (value == -1)
        snprintf(outcome, sizeof outcome, "-1 %s", error_name(error));
    else
        snprintf(outcome, sizeof outcome, "%d", value);
    printf(" = %s", outcome);
    if (fields[0])
        printf(" {%s}", fields);
    if (took >= 1)
        printf(" after %.1f s", took);
    errno = error;
    return value;
}

/* A precondition: without it there is nothing to check. */
static void need(int reached)
{
    if (reached)
        return;
    if (!failures)
        snprintf(headline, sizeof headline, "%s = %s", called, outcome);
    finish(failures ? 1 : 2);
}

/* What a clause obliges to. */
static void check(const char *clause, const char *expected, int holds)
{
    if (holds)
        return;
    printf("   <- expected %s: %s", expected, clause);
    if (!failures++)
        snprintf(headline, sizeof headline, "%s = %s, expected %s", called, outcome, expected);
}

/* What no document that binds the platform settles: told, not counted. */
static void compare(const char *clause, const char *named, int as_named)
{
    if (!as_named)
        printf("   <- open, not %s: %s", named, clause);
}

/* Whether the last call failed so. */
static int failed(int number)
{
    return value == -1 && error == number;
}

/* How an attempt ended, for checks that depend on it: 0 or an errno. */
static int attempted(void)
{
    return value == -1 ? error : value;
}

/* Whether a field came back from the last call: gave("revents: POLLIN"). */
static int gave(const char *field)
{
    const char *at = strstr(fields, field);
    const char *end = at ? at + strlen(field) : NULL;
    return end && (*end == '\0' || strncmp(end, ", ", 2) == 0);
}

static void start(void)
{
    signal(SIGALRM, lost);
    signal(SIGSEGV, lost);
    signal(SIGBUS, lost);
    signal(SIGPIPE, SIG_IGN);
}

/* Paths are made in a fresh folder, and removed with it. */
#include <ftw.h>
static char folder[] = "/tmp/connect-XXXXXX";
static int drop(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}
static void remove_folder(void)
{
    if (chdir("/") == 0)
        nftw(folder, drop, 16, FTW_DEPTH | FTW_PHYS);
}
static void enter_folder(void)
{
    if (!mkdtemp(folder) || chdir(folder)) {
        perror(folder);
        exit(2);
    }
    atexit(remove_folder);
}

/* --- socket addresses --- */

#include <stddef.h>
#include <sys/un.h>
struct name {
    socklen_t len;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        char bytes[ROOM];
    } u;
};
#define AT(name) &(name)->u.sa, (name)->len /* the two arguments that calls take */

static struct name made; /* what the functions below make, until the next one is called */

static const struct name *inet(const char *host, int number)
{
    memset(&made, 0, sizeof made);
    made.len = sizeof made.u.in;
    made.u.in.sin_family = AF_INET;
    made.u.in.sin_port = htons((in_port_t)number);
    inet_pton(AF_INET, host, &made.u.in.sin_addr);
    return &made;
}

static const struct name *inet6(const char *host, int number)
{
    memset(&made, 0, sizeof made);
    made.len = sizeof made.u.in6;
    made.u.in6.sin6_family = AF_INET6;
    made.u.in6.sin6_port = htons((in_port_t)number);
    inet_pton(AF_INET6, host, &made.u.in6.sin6_addr);
    return &made;
}

static const struct name *in_scope(unsigned scope, const struct name *name)
{
    made = *name;
    made.u.in6.sin6_scope_id = scope;
    return &made;
}

#include <net/if.h>
static const struct name *on_link(const char *link, const struct name *name)
{
    return in_scope(if_nametoindex(link), name);
}

/* A path that no literal can hold: one that begins so many times with the same. */
static const char *repeated(const char *text, int times, const char *rest)
{
    static char path[ROOM];
    path[0] = '\0';
    while (times--)
        strcat(path, text);
    return strcat(path, rest);
}

static const struct name *unix_path(const char *path)
{
    memset(&made, 0, sizeof made);
    made.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
    made.u.un.sun_family = AF_UNIX;
    memcpy(made.u.bytes + offsetof(struct sockaddr_un, sun_path), path, strlen(path));
    return &made;
}

/* Linux: a name that is no path, behind a null byte. */
static const struct name *abstract(const char *text)
{
    memset(&made, 0, sizeof made);
    made.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text));
    made.u.un.sun_family = AF_UNIX;
    memcpy(made.u.bytes + offsetof(struct sockaddr_un, sun_path) + 1, text, strlen(text));
    return &made;
}

static const struct name *unspec(void)
{
    memset(&made, 0, sizeof made);
    made.len = 16;
    made.u.sa.sa_family = AF_UNSPEC;
    return &made;
}

static const struct name *raw(const char *bytes, size_t size)
{
    memset(&made, 0, sizeof made);
    made.len = (socklen_t)size;
    memcpy(made.u.bytes, bytes, size);
    return &made;
}

static const struct name *with_family(int family, const struct name *name)
{
    made = *name;
    made.u.sa.sa_family = (sa_family_t)family;
    return &made;
}

static const struct name *with_port(int number, const struct name *name)
{
    made = *name;
    made.u.in.sin_port = htons((in_port_t)number); /* sin6_port is in the same place */
    return &made;
}

static int port(const struct name *name)
{
    return ntohs(name->u.in.sin_port); /* sin6_port is in the same place */
}

/* Bytes as text; odd ones are percent-encoded. */
#include <ctype.h>
static char *encode(char *text, size_t room, const char *bytes, size_t size)
{
    size_t end = 0;
    for (size_t at = 0; at < size && end + 4 < room; at++) {
        unsigned char byte = (unsigned char)bytes[at];
        int plain = byte && byte < 128 && (isalnum(byte) || strchr("_.-~/", byte));
        end += (size_t)snprintf(text + end, room - end, plain ? "%c" : "%%%02X", byte);
    }
    text[end] = '\0';
    return text;
}

/* A socket address as text: inet:127.0.0.1:80, unix:socket1, unnamed, bytes:1000… of another family. */
#define LARGEST 128 /* bytes of an address that a call gives back */
#define TEXT 512    /* bytes of its text */
static const char *spell(const struct name *name, char *text)
{
    const size_t head = offsetof(struct sockaddr_un, sun_path);
    const char *path = name->u.bytes + head;
    size_t size = name->len < LARGEST ? name->len : LARGEST;
    int family = size < head ? AF_UNSPEC : name->u.sa.sa_family;
    char host[INET6_ADDRSTRLEN];
    if (family == AF_INET) {
        inet_ntop(AF_INET, &name->u.in.sin_addr, host, sizeof host);
        snprintf(text, TEXT, "inet:%s:%d", host, ntohs(name->u.in.sin_port));
    } else if (family == AF_INET6) {
        unsigned scope = name->u.in6.sin6_scope_id;
        int end = snprintf(text, TEXT, "inet6:%s", inet_ntop(AF_INET6, &name->u.in6.sin6_addr, host, sizeof host));
        if (scope)
            end += snprintf(text + end, (size_t)(TEXT - end), "%%%u", scope);
        snprintf(text + end, (size_t)(TEXT - end), ":%d", ntohs(name->u.in6.sin6_port));
    } else if (family != AF_UNIX && family != AF_UNSPEC) {
        strcpy(text, "bytes:");
        for (size_t at = 0; at < size; at++)
            snprintf(text + 6 + 2 * at, 3, "%02x", (unsigned char)name->u.bytes[at]);
    } else {
        for (size = size < head ? 0 : size - head; size && !path[size - 1];)
            size--;
        strcpy(text, !size ? "unnamed" : path[0] ? "unix:" : "abstract:");
        if (size)
            encode(text + strlen(text), TEXT - 16, path + !path[0], path[0] ? strlen(path) : size - 1);
    }
    return text;
}

static int spelt(const struct name *name, const char *text)
{
    char own[TEXT];
    return strcmp(spell(name, own), text) == 0;
}

static int starts(const struct name *name, const char *text)
{
    char own[TEXT];
    return strncmp(spell(name, own), text, strlen(text)) == 0;
}

static int same(const struct name *one, const struct name *other)
{
    char text[TEXT];
    return spelt(other, spell(one, text));
}

/* What the next functions do with an address that came back. */
static int take_name(int returned, const struct name *name)
{
    char text[TEXT];
    if (returned >= 0)
        tell("name", spell(name, text));
    return returned;
}

static int sockname(int s, struct name *name)
{
    name->len = LARGEST;
    return take_name(getsockname(s, &name->u.sa, &name->len), name);
}

static int peername(int s, struct name *name)
{
    name->len = LARGEST;
    return take_name(getpeername(s, &name->u.sa, &name->len), name);
}

static int accept_from(int s, struct name *name)
{
    name->len = LARGEST;
    return take_name(accept(s, &name->u.sa, &name->len), name);
}

/* --- sockets --- */

static int make_pair(int domain, int type, int *s, int *peer)
{
    int pair[2] = {-1, -1};
    int returned = socketpair(domain, type, 0, pair);
    *s = pair[0];
    *peer = pair[1];
    return returned;
}

/* What was accepted from a listener and has no name. */
#define MOST_ENDS 256
static int accepted_ends[MOST_ENDS], listener_of[MOST_ENDS], end_count;
static int keep_end(int listener, int s)
{
    if (end_count < MOST_ENDS) {
        accepted_ends[end_count] = s;
        listener_of[end_count++] = listener;
    }
    return s;
}

/* Empty the queue of as many connections as filled it, or of all (-1); the accepted sockets stay open. */
#include <poll.h>
static int accept_all(int s, int most)
{
    struct pollfd queue = {s, POLLIN, 0};
    char text[16];
    int count = 0;
    for (; count != most && poll(&queue, 1, 0) > 0; count++)
        if (keep_end(s, accept(s, NULL, NULL)) < 0)
            return -1;
    snprintf(text, sizeof text, "%d", count);
    tell("accepted", text);
    return 0;
}

#define LARGEST_DATA 2048
static int take_data(ssize_t returned, const char *data)
{
    static char text[3 * LARGEST_DATA + 8];
    if (returned >= 0)
        tell("data", encode(text, sizeof text, data, (size_t)returned));
    return (int)returned;
}

static int receive(int s, int flags)
{
    char data[LARGEST_DATA];
    return take_data(recv(s, data, sizeof data, flags), data);
}

#define ALL_BYTES 256
static int pass_on(int s, const char *sent)
{
    return send(s, sent, ALL_BYTES, 0) == ALL_BYTES;
}

/* Receive these bytes; -1, or whether all came; if not, how many came right. */
#include <poll.h>
static int arrived(const char *way, int s, const char *sent)
{
    char data[ALL_BYTES], text[32];
    int found = 0, right = 0;
    ssize_t got = 1;
    for (; got > 0 && found < ALL_BYTES; found += (int)got) {
        struct pollfd wanted = {s, POLLIN, 0};
        poll(&wanted, 1, -1);
        got = recv(s, data + found, (size_t)(ALL_BYTES - found), 0);
        if (got < 0)
            return -1;
    }
    while (right < found && data[right] == sent[right])
        right++;
    snprintf(text, sizeof text, "%s-%d-of-%d", way, right, ALL_BYTES);
    if (right < ALL_BYTES)
        tell("data", text);
    return right == ALL_BYTES;
}

static int option_of(int s, int option)
{
    int got = 0;
    socklen_t size = sizeof got;
    getsockopt(s, SOL_SOCKET, option, &got, &size);
    return got;
}

/* The listener's end on which data comes, of those that accept_all() took and of who is next; any other socket itself. */
#include <poll.h>
static int server_end(int s)
{
    int listens = option_of(s, SO_ACCEPTCONN);
    while (listens) {
        char data;
        struct pollfd wanted[1 + MOST_ENDS] = {{s, POLLIN, 0}};
        for (int i = 0; i < end_count; i++) {
            wanted[1 + i].fd = listener_of[i] == s ? accepted_ends[i] : -1;
            wanted[1 + i].events = POLLIN;
        }
        poll(wanted, 1 + (nfds_t)end_count, -1);
        for (int i = 0; i < end_count; i++)
            if (wanted[1 + i].revents && recv(accepted_ends[i], &data, 1, MSG_PEEK) > 0)
                return accepted_ends[i];
            else if (wanted[1 + i].revents)
                accepted_ends[i] = -1; /* somebody who has gone */
        if (wanted[0].revents && keep_end(s, accept(s, NULL, NULL)) < 0)
            return -1;
    }
    return s;
}

/* Send every byte there is each way; tells whether all arrives, and as it was. A datagram socket there has no peer. */
static int exchange(int here, int there)
{
    char up[ALL_BYTES], down[ALL_BYTES];
    struct name name;
    int came;
    name.len = LARGEST;
    for (int i = 0; i < ALL_BYTES; i++)
        up[i] = down[ALL_BYTES - 1 - i] = (char)i;
    if (getpeername(here, &name.u.sa, &name.len) < 0 || !pass_on(here, up) || (there = server_end(there)) < 0)
        return -1;
    came = arrived("there", there, up);
    if (came > 0 && option_of(there, SO_TYPE) != SOCK_DGRAM)
        came = pass_on(there, down) ? arrived("back", here, down) : -1;
    if (came > 0)
        tell("data", "intact");
    return came < 0 ? -1 : 0;
}

static int receive_from(int s, int flags, struct name *name)
{
    char data[LARGEST_DATA];
    name->len = LARGEST;
    return take_name(take_data(recvfrom(s, data, sizeof data, flags, &name->u.sa, &name->len), data), name);
}

static int get_option(int s, int level, int option)
{
    char text[16];
    int got = 0;
    socklen_t size = sizeof got;
    int returned = getsockopt(s, level, option, &got, &size);
    snprintf(text, sizeof text, "%d", got);
    if (returned == 0)
        tell("value", level == SOL_SOCKET && option == SO_ERROR ? got ? error_name(got) : "ok" : text);
    return returned;
}

static int set_linger(int s, int seconds)
{
    struct linger linger = {1, seconds};
    return setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

#include <sys/time.h>
static int set_timeout(int s, int option, int milliseconds)
{
    struct timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};
    return setsockopt(s, SOL_SOCKET, option, &time, sizeof time);
}

static int get_flags(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        tell("flags", flags & O_NONBLOCK ? "O_NONBLOCK" : "");
    return flags < 0 ? -1 : 0;
}

/* --- readiness --- */

/* The events that came back, by their names in poll(). */
#include <poll.h>
static int tell_events(int events)
{
    static const struct { int event; const char *text; } known[] = {
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
    tell("revents", text);
    return 0;
}

/* poll() on one descriptor, which tells its events. */
#include <poll.h>
static int poll_one(int fd, int events, int timeout)
{
    struct pollfd one = {fd, (short)events, 0};
    return poll(&one, 1, timeout) < 0 ? -1 : tell_events(one.revents);
}

/* Watches a descriptor by an epoll instance of its own, edge-triggered: it tells each change once. */
#include <sys/epoll.h>
static int watch(int fd, int events)
{
    int queue = epoll_create(1);
    struct epoll_event one = {0, {0}};
    one.events = (unsigned)events | EPOLLET; /* epoll's numbers are poll()'s */
    return queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, fd, &one) ? -1 : queue;
}

#include <sys/epoll.h>
static int changed(int queue, int timeout)
{
    struct epoll_event one = {0, {0}};
    int count = epoll_wait(queue, &one, 1, timeout);
    return count < 0 ? -1 : tell_events(count ? (int)one.events : 0);
}

/* What the next functions wait for, and tell. */
#define INPUT 1
#define OUTPUT 2
#define EXCEPTIONAL 4
static int tell_ready(int input, int output, int exceptional)
{
    char text[32] = "";
    if (input)
        strcat(text, "input");
    if (output)
        strcat(strcat(text, *text ? "," : ""), "output");
    if (exceptional)
        strcat(strcat(text, *text ? "," : ""), "exceptional");
    tell("ready", text);
    return 0;
}

#include <poll.h>
static int wait_poll(int fd, int wanted, int timeout)
{
    int events = (wanted & INPUT ? POLLIN : 0) | (wanted & OUTPUT ? POLLOUT : 0) | (wanted & EXCEPTIONAL ? POLLPRI : 0);
    struct pollfd one = {fd, (short)events, 0};
    if (poll(&one, 1, timeout) < 0)
        return -1;
    events &= one.revents;
    return tell_ready(events & POLLIN, events & POLLOUT, events & POLLPRI);
}

#include <sys/select.h>
static int wait_select(int fd, int wanted, int timeout)
{
    struct timeval limit = {timeout / 1000, timeout % 1000 * 1000};
    fd_set sets[3];
    for (int at = 0; at < 3; at++) {
        FD_ZERO(&sets[at]);
        if (wanted & 1 << at)
            FD_SET(fd, &sets[at]);
    }
    if (select(fd + 1, &sets[0], &sets[1], &sets[2], timeout < 0 ? NULL : &limit) < 0)
        return -1;
    return tell_ready(FD_ISSET(fd, &sets[0]), FD_ISSET(fd, &sets[1]), FD_ISSET(fd, &sets[2]));
}

#include <sys/epoll.h>
static int wait_epoll(int fd, int wanted, int timeout)
{
    int queue = epoll_create(1);
    struct epoll_event one = {0, {0}};
    one.events = (wanted & INPUT ? EPOLLIN : 0) | (wanted & OUTPUT ? EPOLLOUT : 0) | (wanted & EXCEPTIONAL ? EPOLLPRI : 0);
    unsigned events = one.events;
    int count = queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, fd, &one) ? -1 : epoll_wait(queue, &one, 1, timeout);
    if (count < 0)
        return -1;
    events &= count ? one.events : 0;
    return tell_ready(events & EPOLLIN, events & EPOLLOUT, events & EPOLLPRI);
}

#include <sys/event.h>
static int wait_kqueue(int fd, int wanted, int timeout)
{
    struct timespec limit = {timeout / 1000, timeout % 1000 * 1000000L};
    struct kevent changes[2], seen[2];
    int queue = kqueue(), asked = 0, input = 0, output = 0;
    if (wanted & INPUT) {
        EV_SET(&changes[asked], fd, EVFILT_READ, EV_ADD, 0, 0, 0); /* a macro, which may name its arguments often */
        asked++;
    }
    if (wanted & OUTPUT) {
        EV_SET(&changes[asked], fd, EVFILT_WRITE, EV_ADD, 0, 0, 0);
        asked++;
    }
    int count = kevent(queue, changes, asked, seen, 2, timeout < 0 ? NULL : &limit);
    if (count < 0)
        return -1;
    while (count--) {
        input |= seen[count].filter == EVFILT_READ;
        output |= seen[count].filter == EVFILT_WRITE;
    }
    return tell_ready(input, output, 0);
}

/* Event ports, as in the EXAMPLES of connect(3SOCKET). */
#include <poll.h>
#include <port.h>
static int wait_ports(int fd, int wanted, int timeout)
{
    int events = (wanted & INPUT ? POLLIN : 0) | (wanted & OUTPUT ? POLLOUT : 0) | (wanted & EXCEPTIONAL ? POLLPRI : 0);
    struct timespec limit = {timeout / 1000, timeout % 1000 * 1000000L};
    port_event_t seen = {0};
    int queue = port_create();
    if (queue < 0 || port_associate(queue, PORT_SOURCE_FD, (uintptr_t)fd, events, NULL))
        return -1;
    if (port_get(queue, &seen, timeout < 0 ? NULL : &limit) && errno != ETIME)
        return -1;
    events &= seen.portev_events;
    return tell_ready(events & POLLIN, events & POLLOUT, events & POLLPRI);
}

#include <poll.h>
#include <sys/devpoll.h>
static int wait_devpoll(int fd, int wanted, int timeout)
{
    int events = (wanted & INPUT ? POLLIN : 0) | (wanted & OUTPUT ? POLLOUT : 0) | (wanted & EXCEPTIONAL ? POLLPRI : 0);
    struct pollfd one = {fd, (short)events, 0};
    struct dvpoll asked = {&one, 1, timeout};
    int device = open("/dev/poll", O_RDWR);
    if (device < 0 || write(device, &one, sizeof one) < 0)
        return -1;
    int count = ioctl(device, DP_POLL, &asked);
    if (count < 0)
        return -1;
    events &= count ? one.revents : 0;
    return tell_ready(events & POLLIN, events & POLLOUT, events & POLLPRI);
}

/* --- threads and signals --- */

/* connect() on a thread of its own, which can be signalled until it is joined. */
#include <poll.h>
#include <pthread.h>
struct caller {
    pthread_t thread;
    struct name to;
    int s;
    int returned;
    int number;
    int ruleset; /* of Landlock */
    int end[2]; /* a pipe: something is in it when the call has returned */
};
static void *connect_to(void *argument)
{
    struct caller *caller = argument;
    caller->returned = connect(caller->s, AT(&caller->to));
    caller->number = errno;
    return write(caller->end[1], "", 1) == 1 ? caller : NULL;
}
static int has_returned(const struct caller *caller, int timeout)
{
    struct pollfd end = {caller->end[0], POLLIN, 0};
    return poll(&end, 1, timeout) > 0;
}

static int start_thread(void *(*work)(void *), struct caller *caller, int s, const struct name *to)
{
    caller->s = s;
    caller->to = *to;
    if (pipe(caller->end))
        return -1;
    errno = pthread_create(&caller->thread, NULL, work, caller);
    if (errno)
        return -1;
    has_returned(caller, 50); /* if it waits, it does so by then */
    return 0;
}

static int start_connect(struct caller *caller, int s, const struct name *to)
{
    return start_thread(connect_to, caller, s, to);
}

/* Rules of Landlock that allow nothing of what they are about; libc has no functions for its system calls. */
#include <stdint.h>
#include <sys/syscall.h>
static int landlock(uint64_t net, uint64_t scoped)
{
    uint64_t attr[] = {0, net, scoped}; /* struct landlock_ruleset_attr */
    return (int)syscall(SYS_landlock_create_ruleset, attr, sizeof attr - (scoped ? 0 : sizeof *attr), 0);
}

/* connect() on a thread that is put under such rules before. */
#include <sys/prctl.h>
#include <sys/syscall.h>
static void *connect_under(void *argument)
{
    struct caller *caller = argument;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return syscall(SYS_landlock_restrict_self, caller->ruleset, 0) ? NULL : connect_to(caller);
}

static int start_connect_under(int ruleset, struct caller *caller, int s, const struct name *to)
{
    caller->ruleset = ruleset;
    return ruleset < 0 ? -1 : start_thread(connect_under, caller, s, to);
}

/* Signals the thread until its call has returned, a millisecond apart, so that none that comes before is lost. */
static int interrupt(struct caller *caller, int number)
{
    while (!has_returned(caller, 1))
        pthread_kill(caller->thread, number);
    return 0;
}

/* Signals the thread so many times, a millisecond apart, and tells whether its call has returned. */
static int signal_times(struct caller *caller, int number, int times)
{
    for (int sent = 0; sent < times && !has_returned(caller, sent > 0); sent++)
        pthread_kill(caller->thread, number);
    tell("returned", has_returned(caller, 1) ? "yes" : "no");
    return 0;
}

/* What connect() returned on the thread, and its errno. */
static int join(struct caller *caller)
{
    pthread_join(caller->thread, NULL);
    errno = caller->number;
    return caller->returned;
}

/* A handler that does nothing. */
static void caught(int number)
{
    (void)number;
}
static int catch_signal(int number, int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = caught;
    action.sa_flags = flags;
    return sigaction(number, &action, NULL);
}

/* Threads that connect sockets of their own, all at once: how many connected, and what else was seen. */
#include <pthread.h>
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct crowd {
    struct name to;
    int domain;
    int type;
    int each;
    int connected;
    int others[8]; /* errno values */
} everyone;
static void *connect_each(void *argument)
{
    for (int left = everyone.each; left; left--) {
        int s = socket(everyone.domain, everyone.type, 0), at = 0;
        int number = s < 0 || connect(s, AT(&everyone.to)) ? errno : 0;
        pthread_mutex_lock(&mutex);
        everyone.connected += !number;
        while (number && at < 7 && everyone.others[at] && everyone.others[at] != number)
            at++;
        if (number)
            everyone.others[at] = number;
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}
static int connect_many(const struct name *to, int domain, int type, int threads, int each)
{
    pthread_t thread[threads];
    char text[16];
    memset(&everyone, 0, sizeof everyone);
    everyone.to = *to, everyone.domain = domain, everyone.type = type, everyone.each = each;
    for (int at = 0; at < threads; at++)
        if ((errno = pthread_create(&thread[at], NULL, connect_each, NULL)))
            return -1;
    for (int at = 0; at < threads; at++)
        pthread_join(thread[at], NULL);
    snprintf(text, sizeof text, "%d", everyone.connected);
    tell("connected", text);
    for (int at = 0; everyone.others[at]; at++)
        tell("others", error_name(everyone.others[at]));
    return 0;
}

/* --- files and libraries --- */

/* The end to read from; the other stays open. */
static int make_pipe(int *fd)
{
    int ends[2] = {-1, -1};
    int returned = pipe(ends);
    *fd = ends[0];
    return returned;
}

static int make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0644);
    return fd < 0 ? -1 : close(fd);
}

/* Whether a library has a function. */
#include <dlfcn.h>
static int has_function(const char *library, const char *function)
{
    void *handle = dlopen(library, RTLD_LAZY);
    errno = handle ? ENOENT : ELIBACC;
    return handle && dlsym(handle, function) ? 0 : -1;
}

/* Whether the C compiler, $CC or cc, takes a program: headers, which '|' parts, and one declaration behind them. */
static int compiles(int xopen, const char *headers, const char *declaration, size_t length)
{
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
static int declares(const char *function, int xopen, const char *headers, const char *declarations)
{
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
