/* What a minimal reproducer has beside its calls, where its case needs it: a
 * paragraph is taken or left as in calls.c. Lines fit into 80 columns. */

/* The alarm around a call that may block. */
static void blocks(int number) {
    (void)number;
    puts("blocks, which is allowed");
    exit(0);
}

static void hangs(int number) {
    (void)number;
    errx(1, "blocks");
}

static void stalls(int number) {
    (void)number;
    errx(2, "blocks");
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void caught(int number) { (void)number; }

/* connect() on a thread, which is given time to block in it. */
struct call {
    pthread_t thread;
    int fd, ruleset, refusal, value, error;
    const struct sockaddr *to;
    socklen_t length;
    volatile sig_atomic_t returned;
};
static void *make(void *argument) {
    struct call *call = argument;
    errno = 0;
    call->value = connect(call->fd, call->to, call->length);
    call->error = errno;
    call->returned = 1;
    return NULL;
}
static int start(struct call *call, void *(*work)(void *), int fd,
                 const struct sockaddr *to, socklen_t length) {
    int error;
    call->fd = fd, call->to = to, call->length = length, call->returned = 0;
    error = pthread_create(&call->thread, NULL, work, call);
    for (int left = 50; left && !error && !call->returned; left--)
        poll(NULL, 0, 1);
    return error;
}

static int join(struct call *call) {
    pthread_join(call->thread, NULL);
    errno = call->error;
    return call->value;
}

/* Linux: a thread that restricts itself, and no other, by Landlock. */
static void *make_restricted(void *argument) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscall(SYS_landlock_restrict_self, ((struct call *)argument)->ruleset, 0);
    return make(argument);
}

/* Linux: a thread whose filter gives connect() an errno. */
static void *make_filtered(void *argument) {
    int error = ((struct call *)argument)->refusal;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {4, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
    return make(argument);
}

/* Signal the thread until its call returns, or so often; whether it has. */
static int interrupt(struct call *call, int number, int times) {
    for (int sent = 0; !call->returned && (!times || sent < times); sent++) {
        pthread_kill(call->thread, number);
        poll(NULL, 0, 1);
    }
    return call->returned;
}

/* Connect sockets in several threads at once; how many did. */
static struct {
    const struct sockaddr *to;
    socklen_t length;
    int domain, type, each, connected;
    pthread_mutex_t mutex;
} crowd = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static void *connect_each(void *unused) {
    (void)unused;
    for (int i = 0; i < crowd.each; i++) {
        int off = 0, fd = socket(crowd.domain, crowd.type, 0);
        if (crowd.domain == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        if (connect(fd, crowd.to, crowd.length) == 0) {
            pthread_mutex_lock(&crowd.mutex);
            crowd.connected++;
            pthread_mutex_unlock(&crowd.mutex);
        }
    }
    return NULL;
}
static int connect_many(const struct sockaddr *to, socklen_t length, int domain,
                        int type, int threads, int each) {
    pthread_t workers[256];
    crowd.to = to, crowd.length = length, crowd.domain = domain;
    crowd.type = type, crowd.each = each, crowd.connected = 0;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&workers[i], NULL, connect_each, NULL))
            return -1;
    for (int i = 0; i < threads; i++)
        pthread_join(workers[i], NULL);
    return crowd.connected;
}

static int readable(int fd, int timeout) {
    struct pollfd one = {fd, POLLIN, 0};
    return poll(&one, 1, timeout) > 0;
}

/* Accept what is queued, at most so many connections (-1: all); how many. */
static struct {
    int listener, end;
} queued[256];
static int taken;
static int accept_all(int listener, int most) {
    int count = 0;
    while (count != most && taken < 256 && readable(listener, 0)) {
        queued[taken].listener = listener;
        if ((queued[taken].end = accept(listener, NULL, NULL)) < 0)
            return -1;
        count++, taken++;
    }
    return count;
}

/* Receive 256 bytes; whether they are these, -1 for an error. */
static int arrived(int fd, const unsigned char *wanted) {
    unsigned char came[256];
    ssize_t length = 0;
    for (ssize_t more = 1; more > 0 && length < 256; length += more) {
        readable(fd, -1);
        if ((more = recv(fd, came + length, 256 - (size_t)length, 0)) < 0)
            return -1;
    }
    return length == 256 && memcmp(came, wanted, 256) == 0;
}

/* The accepted end at which data waits; -1 if accept() fails. */
static int end_with_data(int listener) {
    char byte;
    for (;; readable(listener, 1)) {
        for (int i = 0; i < taken; i++)
            if (queued[i].listener == listener && readable(queued[i].end, 0)) {
                if (recv(queued[i].end, &byte, 1, MSG_PEEK) > 0)
                    return queued[i].end;
                queued[i].listener = -1; /* its client has gone */
            }
        if (accept_all(listener, 1) < 0)
            return -1;
    }
}

/* Send every byte value each way; whether they arrive. `there` is the socket at
 * the other end, or the listener; one for datagrams does not answer. */
static int intact(int here, int there) {
    unsigned char up[256], down[256];
    struct sockaddr_storage peer;
    int listens = 0, type, ok;
    for (int i = 0; i < 256; i++)
        up[i] = (unsigned char)i, down[i] = (unsigned char)(255 - i);
    if (getpeername(here, (struct sockaddr *)&peer,
                    &(socklen_t){sizeof peer}) < 0)
        return -1; /* without a connection the waiting would have no end */
    if (send(here, up, 256, 0) != 256)
        return -1;
    getsockopt(there, SOL_SOCKET, SO_ACCEPTCONN, &listens,
               &(socklen_t){sizeof listens});
    if (listens && (there = end_with_data(there)) < 0)
        return -1;
    getsockopt(there, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type});
    ok = arrived(there, up);
    if (ok == 1 && type != SOCK_DGRAM)
        ok = send(there, down, 256, 0) == 256 ? arrived(here, down) : -1;
    return ok;
}
