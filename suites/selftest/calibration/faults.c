/* A socket layer with one fault: preloaded, it passes every call on to libc and does one thing wrong.
 *
 *     LD_PRELOAD=faults.so CALIBRATION_FAULT="connect,bind AF_INET nonblocking ok : gives EISCONN" ./agent
 *
 * The words before the colon are the calls, and conditions that all have to hold; those behind it are an action and what
 * it takes. CONDITIONS and ACTIONS, below, have them all; faults.toml has the faults. Without the variable there is none.
 *
 * Built by    cc -shared -fPIC -std=c99 -O2 -o faults.so faults.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOCKETS = 4096, WORDS = 16 };
enum { NEVER = -1 };    /* of an errno: there was no such call yet */
enum { RESTARTS = -1 }; /* of a call: it is made again as long as a signal interrupts it */

typedef struct {
    struct sockaddr_storage raw;
    socklen_t length;
} Name;

/* What the layer remembers of a socket; descriptors that dup() made share it. None is ever freed: an agent soon ends. */
typedef struct {
    int connects, looks, error, last, bound; /* error: a value of SO_ERROR; last: the errno of the last connect() */
    Name first, names[2];                    /* where it connected first; what getsockname() and getpeername() gave first */
    Name pretended;                          /* a peer that the kernel does not know of */
} Socket;

/* A call on its way: its arguments, then what it gave. left: how many times it is still to be made. */
typedef struct {
    const char *name;
    int fd; /* of epoll_wait() the socket that is watched */
    struct sockaddr *to, *from;
    socklen_t to_length, *from_length;
    char *data;
    size_t size;
    int level, number, *option; /* of an option, with its value; number: of a command, a backlog, flags, how, events, too */
    short *ready;
    int timeout, left, restore; /* restore: 1 + the flags before, or RESTARTS */
    long value;
    int error;
    struct sockaddr_storage copy; /* of `to`, where an action alters it */
} Call;

static Socket *sockets[SOCKETS];
static int watched[SOCKETS]; /* of a descriptor of epoll, the socket */
static char text[512], *given = ""; /* the fault; given: what its action takes */

#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

static Socket *socket_of(int fd) {
    static Socket none;
    if (fd < 0 || fd >= SOCKETS)
        return memset(&none, 0, sizeof none);
    if (!sockets[fd]) {
        sockets[fd] = calloc(1, sizeof(Socket));
        sockets[fd]->last = NEVER;
    }
    return sockets[fd];
}

static void forget(int fd) {
    if (fd >= 0 && fd < SOCKETS)
        sockets[fd] = NULL;
}

/* --- constants ------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    int number;
} Constant;

#define C(name) {#name, name}
static const Constant ERRORS[] = {
    C(EACCES), C(EADDRINUSE), C(EADDRNOTAVAIL), C(EAFNOSUPPORT), C(EAGAIN), C(EALREADY), C(EBADF), C(ECONNABORTED),
    C(ECONNREFUSED), C(ECONNRESET), C(EDESTADDRREQ), C(EFAULT), C(EHOSTUNREACH), C(EINPROGRESS), C(EINTR), C(EINVAL),
    C(EIO), C(EISCONN), C(ELOOP), C(EMSGSIZE), C(ENAMETOOLONG), C(ENETDOWN), C(ENETUNREACH), C(ENOENT), C(ENOPROTOOPT),
    C(ENOTCONN), C(ENOTDIR), C(ENOTSOCK), C(EOPNOTSUPP), C(EPERM), C(EPIPE), C(EPROTOTYPE), C(ETIMEDOUT), {NULL, 0},
};
static const Constant NUMBERS[] = {
    C(SO_ERROR), C(SO_BROADCAST), C(SO_LINGER), C(SO_REUSEADDR), C(SO_SNDTIMEO), C(SO_TYPE), C(SO_ACCEPTCONN),
    C(TCP_SYNCNT), C(TCP_USER_TIMEOUT), C(IPV6_V6ONLY), C(TCP_NODELAY), C(SO_MARK), C(SO_DONTROUTE), C(F_SETFL),
    C(F_GETFL), C(FIONBIO), C(SHUT_RD), C(SHUT_WR), C(SHUT_RDWR), C(MSG_PEEK), C(POLLIN), C(PR_SET_SECCOMP),
    C(SO_KEEPALIVE), C(TCP_KEEPIDLE), {NULL, 0},
};
static const Constant KINDS[] = {C(AF_INET), C(AF_INET6), C(AF_UNIX), C(SOCK_STREAM), C(SOCK_DGRAM), C(SOCK_SEQPACKET),
                                 C(SOCK_RAW), {NULL, 0}};
static const short SETS[] = {POLLIN, POLLOUT, POLLPRI}; /* of select() */
static const Constant EVENTS[] = {C(POLLIN), C(POLLOUT), C(POLLERR), C(POLLHUP), C(POLLRDHUP), {NULL, 0}};

static int find(const Constant *known, const char *name, int *number) {
    while (known->name && strcmp(known->name, name) != 0)
        known++;
    *number = known->number;
    return known->name != NULL;
}

/* --- conditions ----------------------------------------------------------------------------------------------- */

static int option_of(int fd, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    return REAL(getsockopt)(fd, SOL_SOCKET, option, &value, &size) ? -1 : value;
}

/* The family of an address, if the memory is the caller's; the pointer may be none. */
static int family_of(const Call *call) {
    sa_family_t family = 0;
    struct iovec here = {&family, sizeof family}, there = {call->to, sizeof family};
    return call->to_length < 2 || process_vm_readv(getpid(), &here, 1, &there, 1, 0) != 2 ? -1 : family;
}

static socklen_t size_of(int family) {
    return family == AF_INET    ? sizeof(struct sockaddr_in)
           : family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                : sizeof(struct sockaddr_un);
}

static int is_connected(const Call *call) {
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    return REAL(getpeername)(call->fd, (struct sockaddr *)&name, &size) == 0;
}

static int is_nonblocking(const Call *call) { return (REAL(fcntl)(call->fd, F_GETFL) & O_NONBLOCK) != 0; }
static int is_blocking(const Call *call) { return !is_nonblocking(call); }
static int is_unconnected(const Call *call) { return !is_connected(call); }
static int is_listening(const Call *call) { return option_of(call->fd, SO_ACCEPTCONN) == 1; }
static int is_socket(const Call *call) { return option_of(call->fd, SO_TYPE) >= 0; }
static int is_file(const Call *call) { return !is_socket(call) && REAL(fcntl)(call->fd, F_GETFD) >= 0; }
static int is_none(const Call *call) { return REAL(fcntl)(call->fd, F_GETFD) < 0; }
static int is_again(const Call *call) { return socket_of(call->fd)->connects > 0; }
static int is_bound(const Call *call) { return socket_of(call->fd)->bound; }
static int is_unbound(const Call *call) { return !is_bound(call); }
static int is_pending(const Call *call) {
    int last = socket_of(call->fd)->last;
    return is_unconnected(call) && (last == EINPROGRESS || last == EALREADY || last == EINTR);
}
static int has_failed(const Call *call) {
    int last = socket_of(call->fd)->last;
    return last > 0 && last != EINPROGRESS && last != EALREADY && last != EINTR && last != EISCONN;
}
static int has_tried(const Call *call) { return socket_of(call->fd)->last != NEVER; }
static int is_unspec(const Call *call) { return family_of(call) == AF_UNSPEC; }
static int is_foreign(const Call *call) {
    int family = family_of(call);
    return family > 0 && family != option_of(call->fd, SO_DOMAIN);
}
static int is_short(const Call *call) { return family_of(call) > 0 && call->to_length < size_of(family_of(call)); }
static int is_long(const Call *call) { return family_of(call) > 0 && call->to_length > size_of(family_of(call)); }
static int is_whole(const Call *call) { return family_of(call) > 0 && call->to_length == size_of(family_of(call)); }
static int is_bad(const Call *call) { return family_of(call) < 0 && call->to_length >= 2; }
static int is_mapped(const Call *call) {
    return family_of(call) == AF_INET6 && call->to_length >= sizeof(struct sockaddr_in6)
           && IN6_IS_ADDR_V4MAPPED(&((struct sockaddr_in6 *)call->to)->sin6_addr);
}
static int is_abstract(const Call *call) {
    return family_of(call) == AF_UNIX && call->to_length > 2 && !((struct sockaddr_un *)call->to)->sun_path[0];
}
static int is_mptcp(const Call *call) { return option_of(call->fd, SO_PROTOCOL) == IPPROTO_MPTCP; }
static int is_udplite(const Call *call) { return option_of(call->fd, SO_PROTOCOL) == IPPROTO_UDPLITE; }
static int is_icmp(const Call *call) { return option_of(call->fd, SO_PROTOCOL) == IPPROTO_ICMP; }
static int is_sharing(const Call *call) {
    return option_of(call->fd, SO_REUSEADDR) == 1 || option_of(call->fd, SO_REUSEPORT) == 1;
}

/* Whether an address has another host than the peer. */
static int is_elsewhere(const Call *call) {
    struct sockaddr_in6 name;
    socklen_t size = sizeof name;
    int family = family_of(call), is_inet = family == AF_INET;
    if (!is_whole(call) || family == AF_UNIX || REAL(getpeername)(call->fd, (struct sockaddr *)&name, &size)
        || name.sin6_family != family)
        return 0;
    return is_inet ? ((struct sockaddr_in *)call->to)->sin_addr.s_addr != ((struct sockaddr_in *)&name)->sin_addr.s_addr
                   : memcmp(&((struct sockaddr_in6 *)call->to)->sin6_addr, &name.sin6_addr, sizeof name.sin6_addr) != 0;
}
static int is_waiting(const Call *call) { return call->timeout != 0; }
static int is_polling(const Call *call) { return call->timeout == 0; }

/* Whether the call, if it blocks, will sleep. */
static int is_idle(const Call *call) {
    struct pollfd entry = {call->fd, POLLIN, 0};
    return REAL(poll)(&entry, 1, 0) == 0;
}

static int is_seldom(const Call *call) {
    static int calls;
    (void)call;
    return __sync_add_and_fetch(&calls, 1) % 7 == 0;
}

static int succeeded(const Call *call) { return call->value != -1; }
static int is_set(const Call *call) { return call->value == 0 && call->option && *call->option; }
static int has_failed_now(const Call *call) { return call->value == -1; }
static int is_end(const Call *call) { return call->value == 0; }

static const struct Condition {
    const char *name;
    int (*holds)(const Call *);
    int after; /* it is about what the call gave */
} CONDITIONS[] = {
    {"blocking", is_blocking, 0}, {"nonblocking", is_nonblocking, 0},
    {"connected", is_connected, 0}, {"unconnected", is_unconnected, 0},
    {"listening", is_listening, 0}, {"pending", is_pending, 0},
    {"failed", has_failed, 0}, {"tried", has_tried, 0}, /* the last connect() has failed; there was one */
    {"again", is_again, 0}, /* not the first connect() of a socket */
    {"elsewhere", is_elsewhere, 0}, /* an address of another host than the peer's */
    {"bound", is_bound, 0}, {"unbound", is_unbound, 0}, /* by bind() */
    {"sharing", is_sharing, 0},                         /* an address, by SO_REUSEADDR or SO_REUSEPORT */
    {"file", is_file, 0}, {"closed", is_none, 0}, /* a descriptor of something else, or of nothing */
    {"unspec", is_unspec, 0}, {"foreign", is_foreign, 0}, /* an address of AF_UNSPEC, of another family */
    {"short", is_short, 0}, {"whole", is_whole, 0}, {"long", is_long, 0}, /* a namelen, against the structure's */
    {"bad", is_bad, 0}, {"mapped", is_mapped, 0}, {"abstract", is_abstract, 0}, /* an address */
    {"mptcp", is_mptcp, 0}, {"udplite", is_udplite, 0}, {"icmp", is_icmp, 0}, /* a protocol of the socket */
    {"waiting", is_waiting, 0}, {"polling", is_polling, 0}, /* a timeout other than 0, of 0 */
    {"idle", is_idle, 0},                                   /* there is nothing to read or accept yet */
    {"seldom", is_seldom, 0},                               /* one call in seven */
    {"ok", succeeded, 1}, {"error", has_failed_now, 1}, {"set", is_set, 1}, /* an option other than 0 */
    {"end", is_end, 1}, /* of data: 0 bytes */
};
enum { CONDITION_COUNT = sizeof CONDITIONS / sizeof *CONDITIONS };

/* --- actions -------------------------------------------------------------------------------------------------- */

/* What a call is made to give: ok, an errno, or a number. */
static void give(Call *call) {
    int error = 0;
    if (find(ERRORS, given, &error))
        call->value = -1, call->error = error;
    else
        call->value = strcmp(given, "ok") == 0 ? 0 : atol(given), call->error = 0;
}

static void skip(Call *call) {
    call->left = 0;
    give(call);
}

static void make_twice(Call *call) { call->left = 2; }

static void hang(Call *call) {
    (void)call;
    for (;;)
        REAL(poll)(NULL, 0, -1);
}

static void wait_before(Call *call) {
    (void)call;
    REAL(poll)(NULL, 0, atoi(given));
}

static void crash(Call *call) {
    (void)call;
    abort();
}

static void set_nonblocking(Call *call, int on) {
    int flags = REAL(fcntl)(call->fd, F_GETFL);
    call->restore = flags + 1;
    REAL(fcntl)(call->fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}
static void block(Call *call) { set_nonblocking(call, 0); }
static void hurry(Call *call) { set_nonblocking(call, 1); }

/* What came of an attempt after so many milliseconds, if anything did. */
static void wait_for_attempt(Call *call) {
    struct pollfd entry = {call->fd, POLLOUT, 0};
    if (call->error == EINPROGRESS && REAL(poll)(&entry, 1, atoi(given)) > 0) {
        call->value = REAL(connect)(call->fd, call->to, call->to_length); /* gives it, and ends the attempt on Linux */
        call->error = call->value ? errno : 0;
    }
}

/* the address that is given */

/* A copy of it to alter; NULL if it is none, or longer. */
static struct sockaddr *copied(Call *call) {
    if (family_of(call) < 0 || call->to_length > sizeof call->copy)
        return NULL;
    memcpy(&call->copy, call->to, call->to_length);
    return call->to = (struct sockaddr *)&call->copy;
}

static void use_other_port(Call *call) {
    struct sockaddr_in *name = (struct sockaddr_in *)copied(call);
    if (name && call->to_length >= 4 && name->sin_port) /* that of AF_INET6 is in the same place */
        name->sin_port ^= htons(1);
}

static void use_other_path(Call *call) {
    if (copied(call) && call->to_length > 3)
        ((struct sockaddr_un *)call->to)->sun_path[1] ^= 1;
}

static void cut_path(Call *call) {
    struct sockaddr_un *name = copied(call) ? (struct sockaddr_un *)call->to : NULL;
    size_t length = name ? strnlen(name->sun_path, call->to_length - 2) : 0;
    if (length > 1)
        call->to_length = (socklen_t)(2 + length - 1);
}

static void use_whole_length(Call *call) {
    if (family_of(call) >= 0)
        call->to_length = size_of(family_of(call));
}

static void use_first_address(Call *call) {
    Socket *one = socket_of(call->fd);
    if (one->first.length)
        call->to = (struct sockaddr *)&one->first.raw, call->to_length = one->first.length;
}

static void use_own_family(Call *call) {
    if (copied(call))
        call->to->sa_family = (sa_family_t)option_of(call->fd, SO_DOMAIN);
}

/* connect() */

/* The peer is remembered here alone, so that nothing is filtered and nothing is bound. */
static void pretend(Call *call) {
    Name *peer = &socket_of(call->fd)->pretended;
    if (family_of(call) < 0 || call->to_length > sizeof peer->raw)
        return;
    call->left = 0, call->value = 0;
    peer->length = is_unspec(call) ? 0 : call->to_length;
    memcpy(&peer->raw, call->to, peer->length);
}

static void abort_attempt(Call *call) {
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    REAL(connect)(call->fd, &none, sizeof none);
}

static void break_connection(Call *call) { REAL(shutdown)(call->fd, SHUT_RDWR); }

/* A new socket of the same kind. */
static int another(int fd) {
    return REAL(socket)(option_of(fd, SO_DOMAIN), option_of(fd, SO_TYPE), option_of(fd, SO_PROTOCOL));
}

/* Another socket takes the number. */
static void replace(Call *call) {
    int flags = REAL(fcntl)(call->fd, F_GETFL);
    int made = another(call->fd);
    REAL(dup2)(made, call->fd);
    REAL(close)(made);
    REAL(fcntl)(call->fd, F_SETFL, flags);
}

/* numbers, options, names */

static int number_given(const Constant *known) {
    int number;
    return find(known, given, &number) ? number : atoi(given);
}

static void drop_flags(Call *call) { call->number &= 0xF; } /* of a type, which Linux numbers below */
static void add_nonblocking(Call *call) { call->number |= SOCK_NONBLOCK; }
static void use_number(Call *call) { call->number = number_given(NUMBERS); }

static void set_value(Call *call) { *call->option = number_given(ERRORS); }

static void negate(Call *call) { *call->option = -*call->option; }

static void stick(Call *call) {
    Socket *one = socket_of(call->fd);
    one->error = *call->option ? *call->option : one->error;
    *call->option = one->error;
}

static void set_port(Call *call) { ((struct sockaddr_in *)call->from)->sin_port = htons((unsigned short)atoi(given)); }

static void set_family(Call *call) { call->from->sa_family = AF_UNSPEC; }

static void forget_host(Call *call) {
    if (call->from->sa_family == AF_INET)
        ((struct sockaddr_in *)call->from)->sin_addr.s_addr = 0;
    if (call->from->sa_family == AF_INET6)
        memset(&((struct sockaddr_in6 *)call->from)->sin6_addr, 0, sizeof(struct in6_addr));
}

static void cut_name(Call *call) { *call->from_length = 2; }

/* A path goes on to be one without its null byte. */
static void cut_last(Call *call) {
    if (*call->from_length > 3 && ((struct sockaddr_un *)call->from)->sun_path[0])
        --*call->from_length;
}

static void keep_first_name(Call *call) {
    Name *first = &socket_of(call->fd)->names[strcmp(call->name, "getpeername") == 0];
    if (!first->length) {
        first->length = *call->from_length;
        memcpy(&first->raw, call->from, first->length);
    }
    memcpy(call->from, &first->raw, first->length);
    *call->from_length = first->length;
}

static void swap_names(Call *call) {
    socklen_t size = sizeof(struct sockaddr_storage);
    int is_peer = strcmp(call->name, "getpeername") == 0 || strcmp(call->name, "accept") == 0;
    int fd = strcmp(call->name, "accept") == 0 ? (int)call->value : call->fd;
    *call->from_length = size;
    if ((is_peer ? REAL(getsockname) : REAL(getpeername))(fd, call->from, call->from_length))
        *call->from_length = 0;
}

/* readiness and data */

static int events_given(void) {
    char words[64], *next = NULL;
    int events = 0, number;
    snprintf(words, sizeof words, "%s", given);
    for (char *word = strtok_r(words, ",", &next); word; word = strtok_r(NULL, ",", &next))
        events |= find(EVENTS, word, &number) ? number : 0;
    return events;
}

static void count_ready(Call *call) { call->value = call->value < 0 ? -1 : *call->ready != 0; }

static void hide(Call *call) {
    *call->ready &= (short)~events_given();
    count_ready(call);
}

static void add(Call *call) {
    *call->ready |= (short)events_given();
    count_ready(call);
}

/* Nothing is ready for the first looks in such a way. */
static void hide_at_first(Call *call) {
    if (socket_of(call->fd)->looks++ < atoi(given))
        *call->ready = 0, call->value = 0;
}

static void cut_data(Call *call) { call->value -= call->value > 1; }

static void cut_end(Call *call) {
    if (call->value == 0)
        call->value = -1, call->error = EAGAIN;
}

static void make_another(Call *call) {
    call->left = 0;
    call->value = another(call->fd);
}

static void send_less(Call *call) { call->size -= call->size > 1; }

static void alter_data(Call *call) {
    if (call->data && call->value > 0)
        call->data[0] ^= 1;
}

static const struct Action {
    const char *name;
    void (*before)(Call *), (*after)(Call *);
} ACTIONS[] = {
    {"gives", NULL, give}, {"skips", skip, NULL}, /* made and not reported, or not made: ok, an errno, a number */
    {"is-made-twice", make_twice, NULL}, {"hangs", hang, NULL}, {"sleeps-on", NULL, hang}, {"waits", wait_before, NULL}, {"crashes", crash, NULL},
    {"blocks", block, NULL}, {"does-not-wait", hurry, NULL}, /* whether or not the socket is non-blocking */
    {"waits-at-most", hurry, wait_for_attempt},              /* so many milliseconds */
    {"restarts", NULL, NULL},                                /* after EINTR; see gave() */
    {"other-port", use_other_port, NULL}, {"other-path", use_other_path, NULL}, {"cut-path", cut_path, NULL},
    {"whole-length", use_whole_length, NULL}, {"first-address", use_first_address, NULL},
    {"own-family", use_own_family, NULL},
    {"pretends", pretend, NULL}, {"aborts", NULL, abort_attempt}, {"breaks", NULL, break_connection},
    {"replaces", replace, NULL}, {"replaces-after", NULL, replace},
    {"breaks-first", break_connection, NULL}, {"no-flags", drop_flags, NULL}, {"adds-nonblocking", add_nonblocking, NULL},
    {"number", use_number, NULL}, {"takes", set_value, NULL}, {"value", NULL, set_value}, {"negates", NULL, negate},
    {"sticks", NULL, stick},
    {"port", NULL, set_port}, {"no-family", NULL, set_family}, {"no-host", NULL, forget_host},
    {"cut-name", NULL, cut_name}, {"cut-last", NULL, cut_last}, {"first-name", NULL, keep_first_name},
    {"other-end", NULL, swap_names},
    {"hides", NULL, hide}, {"adds", NULL, add}, {"hides-at-first", NULL, hide_at_first},
    {"cut-data", NULL, cut_data}, {"cut-end", NULL, cut_end}, {"sends-less", send_less, NULL}, {"alters", NULL, alter_data},
    {"makes-another", make_another, NULL},
};
enum { ACTION_COUNT = sizeof ACTIONS / sizeof *ACTIONS };

/* --- the fault ------------------------------------------------------------------------------------------------ */

static struct {
    const char *calls[WORDS];
    const struct Condition *conditions[WORDS];
    int kinds[2], level, number, error; /* domain, type; an option's level, 0 for any; error: that the call gives, likewise */
    int has_number;
    const struct Action *action;
} fault;

static void refuse(const char *what) {
    fprintf(stderr, "faults: no such word as %s\n", what);
    _exit(2);
}

static void add_condition(const char *word) {
    int at = 0, which = 0, number;
    while (which < CONDITION_COUNT && strcmp(CONDITIONS[which].name, word) != 0)
        which++;
    while (fault.conditions[at])
        at++;
    if (which < CONDITION_COUNT)
        fault.conditions[at] = &CONDITIONS[which];
    else if (find(KINDS, word, &number))
        fault.kinds[strncmp(word, "SOCK_", 5) == 0] = number;
    else if (find(NUMBERS, word, &number)) {
        fault.number = number, fault.has_number = 1;
        fault.level = strncmp(word, "SO_", 3) == 0 ? SOL_SOCKET : strncmp(word, "TCP_", 4) == 0 ? IPPROTO_TCP : 0;
    } else if (find(ERRORS, word, &number))
        fault.error = number;
    else
        refuse(word);
}

__attribute__((constructor)) static void read_fault(void) {
    char *next = NULL, *next_call = NULL;
    int at = 0, which = 0;
    snprintf(text, sizeof text, "%s", getenv("CALIBRATION_FAULT") ? getenv("CALIBRATION_FAULT") : "");
    char *calls = strtok_r(text, " ", &next), *word = calls ? strtok_r(NULL, " ", &next) : NULL;
    for (; word && strcmp(word, ":") != 0; word = strtok_r(NULL, " ", &next))
        add_condition(word);
    char *action = word ? strtok_r(NULL, " ", &next) : NULL, *rest = strtok_r(NULL, " ", &next);
    given = rest ? rest : given;
    while (action && which < ACTION_COUNT && strcmp(ACTIONS[which].name, action) != 0)
        which++;
    if (!calls)
        return;
    if (!action || which == ACTION_COUNT)
        refuse(action ? action : "the action");
    for (char *call = strtok_r(calls, ",", &next_call); call; call = strtok_r(NULL, ",", &next_call))
        fault.calls[at++] = call;
    fault.action = &ACTIONS[which];
}

/* Whether the fault is in this call, as far as that can be seen before or after it. */
static int is_in(const Call *call, int after) {
    int found = 0, saved = errno;
    for (int i = 0; fault.action && fault.calls[i]; i++)
        found |= strcmp(fault.calls[i], call->name) == 0;
    if (!after)
        found = found && (!fault.kinds[0] || option_of(call->fd, SO_DOMAIN) == fault.kinds[0])
                && (!fault.kinds[1] || option_of(call->fd, SO_TYPE) == fault.kinds[1])
                && (!fault.has_number || call->number == fault.number)
                && (!fault.level || call->level == fault.level);
    else
        found = found && (!fault.error || (call->value == -1 && call->error == fault.error));
    for (int i = 0; found && fault.conditions[i]; i++)
        if (fault.conditions[i]->after == after)
            found = fault.conditions[i]->holds(call);
    errno = saved;
    return found;
}

/* --- the calls: LAY() makes one with what the fault does before it, and end() what it does after ---------------- */

#define LAY(call, real) for (int faulty = begin(&call); call.left > 0 || end(&call, faulty); gave(&call, real))

static int begin(Call *call) {
    call->left = 1;
    int faulty = is_in(call, 0);
    if (faulty && fault.action->before)
        fault.action->before(call);
    if (faulty && !fault.action->before && !fault.action->after)
        call->restore = RESTARTS;
    return faulty;
}

static void gave(Call *call, long value) {
    call->value = value;
    call->error = value == -1 ? errno : 0;
    call->left -= !(call->restore == RESTARTS && call->error == EINTR);
}

/* 0, so that the loop ends. */
static int end(Call *call, int faulty) {
    if (call->restore > 0)
        REAL(fcntl)(call->fd, F_SETFL, call->restore - 1);
    if (faulty && fault.action->after && is_in(call, 1))
        fault.action->after(call);
    Socket *one = socket_of(call->fd);
    if (strcmp(call->name, "bind") == 0 && call->value == 0)
        one->bound = 1;
    if (strcmp(call->name, "connect") == 0) {
        one->last = call->value == 0 ? 0 : call->error;
        if (!one->connects++ && call->to_length <= sizeof one->first.raw && family_of(call) >= 0)
            memcpy(&one->first.raw, call->to, one->first.length = call->to_length);
    }
    errno = call->error;
    return 0;
}

int socket(int domain, int type, int protocol) {
    Call call = {.name = "socket", .fd = -1, .number = type};
    LAY(call, REAL(socket)(domain, call.number, protocol));
    forget((int)call.value);
    return (int)call.value;
}

int socketpair(int domain, int type, int protocol, int ends[2]) {
    Call call = {.name = "socketpair", .fd = -1};
    LAY(call, (call.value = REAL(socketpair)(domain, type, protocol, ends), call.fd = ends[0], call.value));
    forget(ends[0]), forget(ends[1]);
    return (int)call.value;
}

int bind(int fd, const struct sockaddr *to, socklen_t length) {
    Call call = {.name = "bind", .fd = fd, .to = (struct sockaddr *)to, .to_length = length};
    LAY(call, REAL(bind)(fd, call.to, call.to_length));
    return (int)call.value;
}

int connect(int fd, const struct sockaddr *to, socklen_t length) {
    Call call = {.name = "connect", .fd = fd, .to = (struct sockaddr *)to, .to_length = length};
    LAY(call, REAL(connect)(fd, call.to, call.to_length));
    return (int)call.value;
}

int listen(int fd, int backlog) {
    Call call = {.name = "listen", .fd = fd, .number = backlog};
    LAY(call, REAL(listen)(fd, call.number));
    return (int)call.value;
}

int accept(int fd, struct sockaddr *from, socklen_t *length) {
    struct sockaddr_storage name; /* for an action, where the caller wants none */
    socklen_t size = sizeof name;
    Call call = {.name = "accept", .fd = fd, .from = from ? from : (struct sockaddr *)&name};
    call.from_length = length ? length : &size;
    LAY(call, REAL(accept)(fd, call.from, call.from_length));
    forget((int)call.value);
    return (int)call.value;
}

int getsockname(int fd, struct sockaddr *from, socklen_t *length) {
    Call call = {.name = "getsockname", .fd = fd, .from = from, .from_length = length};
    LAY(call, REAL(getsockname)(fd, from, length));
    return (int)call.value;
}

int getpeername(int fd, struct sockaddr *from, socklen_t *length) {
    Call call = {.name = "getpeername", .fd = fd, .from = from, .from_length = length};
    Name *peer = &socket_of(fd)->pretended;
    if (peer->length) {
        memcpy(from, &peer->raw, peer->length);
        *length = peer->length;
        return 0;
    }
    LAY(call, REAL(getpeername)(fd, from, length));
    return (int)call.value;
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *size) {
    Call call = {.name = "getsockopt", .fd = fd, .level = level, .number = option, .option = value};
    LAY(call, REAL(getsockopt)(fd, level, call.number, value, size));
    return (int)call.value;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t size) {
    int number = size == sizeof number ? *(const int *)value : 0;
    Call call = {.name = "setsockopt", .fd = fd, .level = level, .number = option, .option = &number};
    LAY(call, REAL(setsockopt)(fd, level, call.number, size == sizeof number ? &number : value, size));
    return (int)call.value;
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    Call call = {.name = "send", .fd = fd, .size = size, .number = flags};
    Name *peer = &socket_of(fd)->pretended;
    LAY(call, peer->length ? REAL(sendto)(fd, data, call.size, call.number, (struct sockaddr *)&peer->raw, peer->length)
                           : REAL(send)(fd, data, call.size, call.number));
    return call.value;
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    Call call = {.name = "sendto", .fd = fd, .to = (struct sockaddr *)to, .to_length = length, .size = size};
    call.number = flags;
    LAY(call, REAL(sendto)(fd, data, call.size, call.number, call.to, call.to_length));
    return call.value;
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    Call call = {.name = "recv", .fd = fd, .data = data, .size = size, .number = flags};
    LAY(call, REAL(recv)(fd, data, call.size, call.number));
    return call.value;
}

ssize_t recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *from, socklen_t *length) {
    Call call = {.name = "recvfrom", .fd = fd, .from = from, .from_length = length, .data = data, .size = size};
    call.number = flags;
    LAY(call, REAL(recvfrom)(fd, data, call.size, call.number, from, length));
    return call.value;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    Call call = {.name = "sendmsg", .fd = fd, .number = flags};
    LAY(call, REAL(sendmsg)(fd, message, call.number));
    return call.value;
}

/* The descriptor that a message carries, in the place of the one that it came by. */
static long take_descriptor(Call *call, long value, struct msghdr *message) {
    struct cmsghdr *carried = value < 0 ? NULL : CMSG_FIRSTHDR(message);
    if (carried && carried->cmsg_type == SCM_RIGHTS)
        memcpy(&call->fd, CMSG_DATA(carried), sizeof call->fd);
    return value;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    Call call = {.name = "recvmsg", .fd = fd, .number = flags};
    LAY(call, take_descriptor(&call, REAL(recvmsg)(fd, message, call.number), message));
    return call.value;
}

int shutdown(int fd, int how) {
    Call call = {.name = "shutdown", .fd = fd, .number = how};
    LAY(call, REAL(shutdown)(fd, call.number));
    return (int)call.value;
}

int close(int fd) {
    Call call = {.name = "close", .fd = fd};
    LAY(call, REAL(close)(fd));
    forget(fd);
    return (int)call.value;
}

int dup(int fd) {
    Call call = {.name = "dup", .fd = fd};
    LAY(call, REAL(dup)(fd));
    if (call.value >= 0 && call.value < SOCKETS)
        sockets[call.value] = socket_of(fd);
    return (int)call.value;
}

int dup2(int fd, int over) {
    Call call = {.name = "dup2", .fd = fd};
    LAY(call, REAL(dup2)(fd, over));
    if (call.value >= 0 && call.value < SOCKETS)
        sockets[call.value] = socket_of(fd);
    return (int)call.value;
}

/* A filter that is none asks only whether there are filters. */
int prctl(int option, ...) {
    unsigned long more[4];
    va_list rest;
    va_start(rest, option);
    for (int i = 0; i < 4; i++)
        more[i] = va_arg(rest, unsigned long);
    va_end(rest);
    Call call = {.name = option == PR_SET_SECCOMP && !more[1] ? "" : "prctl", .fd = -1, .number = option};
    LAY(call, REAL(prctl)(option, more[0], more[1], more[2], more[3]));
    return (int)call.value;
}

int fcntl(int fd, int cmd, ...) {
    va_list more;
    va_start(more, cmd);
    long flags = va_arg(more, long);
    va_end(more);
    Call call = {.name = "fcntl", .fd = fd, .number = cmd};
    LAY(call, REAL(fcntl)(fd, call.number, flags));
    return (int)call.value;
}

int fcntl64(int fd, int cmd, ...) __attribute__((alias("fcntl"))); /* of programs with large files, such as Python */

int ioctl(int fd, unsigned long request, ...) {
    va_list more;
    va_start(more, request);
    void *value = va_arg(more, void *);
    va_end(more);
    Call call = {.name = "ioctl", .fd = fd, .number = (int)request};
    LAY(call, REAL(ioctl)(fd, request, value));
    return (int)call.value;
}

int sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    Call call = {.name = "sigaction", .fd = -1, .number = action ? action->sa_flags : 0};
    struct sigaction changed;
    if (action)
        changed = *action;
    LAY(call, (changed.sa_flags = call.number, REAL(sigaction)(number, action ? &changed : NULL, old)));
    return (int)call.value;
}

int pthread_kill(pthread_t thread, int number) {
    Call call = {.name = "pthread_kill", .fd = -1};
    LAY(call, REAL(pthread_kill)(thread, number));
    return (int)call.value;
}

int poll(struct pollfd *entries, nfds_t count, int timeout) {
    if (count != 1)
        return REAL(poll)(entries, count, timeout);
    Call call = {.name = "poll", .fd = entries->fd, .ready = &entries->revents, .timeout = timeout};
    call.number = entries->events;
    entries->revents = 0;
    LAY(call, REAL(poll)(entries, count, call.timeout));
    return (int)call.value;
}

int epoll_ctl(int facility, int operation, int fd, struct epoll_event *event) {
    Call call = {.name = "epoll_ctl", .fd = fd};
    if (facility >= 0 && facility < SOCKETS)
        watched[facility] = fd;
    LAY(call, REAL(epoll_ctl)(facility, operation, fd, event));
    return (int)call.value;
}

static long take_events(Call *call, long value, const struct epoll_event *events) {
    *call->ready = (short)events->events;
    return value;
}

int epoll_wait(int facility, struct epoll_event *events, int most, int timeout) {
    short ready = 0;
    Call call = {.name = "epoll_wait", .ready = &ready, .timeout = timeout};
    call.fd = facility >= 0 && facility < SOCKETS ? watched[facility] : -1;
    events->events = 0;
    LAY(call, take_events(&call, REAL(epoll_wait)(facility, events, most, call.timeout), events));
    events->events = (unsigned)ready;
    return (int)call.value;
}

/* Of one descriptor, as agents wait: what is ready, and the sets without it. */
static long take_sets(Call *call, long value, fd_set *const sets[3]) {
    *call->ready = 0;
    for (int i = 0; i < 3; i++)
        if (value > 0 && sets[i] && FD_ISSET(call->fd, sets[i])) {
            *call->ready |= SETS[i];
            FD_CLR(call->fd, sets[i]);
        }
    return value;
}

int select(int size, fd_set *in, fd_set *out, fd_set *other, struct timeval *limit) {
    fd_set *const sets[3] = {in, out, other};
    short ready = 0;
    Call call = {.name = "select", .fd = size - 1, .ready = &ready};
    call.timeout = limit && !limit->tv_sec && !limit->tv_usec ? 0 : -1;
    LAY(call, take_sets(&call, REAL(select)(size, in, out, other, limit), sets));
    for (int i = 0; i < 3; i++)
        if (sets[i] && ready & SETS[i])
            FD_SET(call.fd, sets[i]);
    return (int)call.value;
}
