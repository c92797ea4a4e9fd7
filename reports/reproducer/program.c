{# POSIX.1-2017, <errno.h>; any other name need not be there #}
{% set posix = ["E2BIG", "EACCES", "EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EAGAIN", "EALREADY", "EBADF", "EBUSY",
                "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EDESTADDRREQ", "EEXIST", "EFAULT", "EHOSTUNREACH",
                "EINPROGRESS", "EINTR", "EINVAL", "EIO", "EISCONN", "EISDIR", "ELOOP", "EMFILE", "EMSGSIZE", "ENAMETOOLONG",
                "ENETDOWN", "ENETRESET", "ENETUNREACH", "ENFILE", "ENOBUFS", "ENODEV", "ENOENT", "ENOMEM", "ENOPROTOOPT",
                "ENOSPC", "ENOSYS", "ENOTCONN", "ENOTDIR", "ENOTSOCK", "ENXIO", "EOPNOTSUPP", "EPERM", "EPIPE", "EPROTO",
                "EPROTONOSUPPORT", "EPROTOTYPE", "ETIMEDOUT"] %}
{% set foreign = errnos | reject("in", posix) | list %}
/*
{% for line in head %}
 *{{ " " + line if line }}
{% endfor %}
 */
#define _GNU_SOURCE    /* Linux: all of the constants */
#define __EXTENSIONS__ /* illumos: likewise; not by _XOPEN_SOURCE, which chooses another connect() */
#define _NETBSD_SOURCE /* NetBSD: likewise */
{% for header in headers %}
#include <{{ header }}>
{% endfor %}

#define CALL_TIMEOUT_S {{ call_timeout }} /* a call that takes longer blocks */
{% if bytes %}
#define BYTES {{ bytes }} /* of the largest address */
{% endif %}
{% for macro, status, what in macros %}
#define {{ macro }}(call) (before(#call, {{ status }}), after(call)) /* {{ what }} */
{% endfor %}
{% for errno in foreign %}
#ifndef {{ errno }}
#define {{ errno }} (-1) /* no errno of this platform */
#endif
{% endfor %}
{% include "options.c" %}

static const char *error_name(int number) {
    static char unnamed[16];
#define NAME(error) if (number == error) return #error;
{% for row in (posix + foreign) | sort | batch(6) %}
    {{ "NAME(" ~ row | join(") NAME(") ~ ")" }}
{% endfor %}
    snprintf(unnamed, sizeof unnamed, "E%d", number);
    return unnamed;
}

{{ helpers }}

#ifndef MAIN /* a system without processes calls it otherwise */
#define MAIN main
#endif
int MAIN(void) {
{% for line in body %}
{{ "    " + line if line }}
{% endfor %}
}
