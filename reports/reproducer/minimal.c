/*
{% for line in head %}
 *{{ " " + line if line }}
{% endfor %}
 */
#define _GNU_SOURCE /* Linux: all of the constants */
{% for header in headers %}
#include <{{ header }}>
{% endfor %}
{% for name, number in options %}
#ifndef {{ name }}
#define {{ name }} {{ number }} /* Linux; too new for some headers */
#endif
{% endfor %}

{% if helpers %}
{{ helpers }}

{% endif %}
int main(void) {
{% for line in body %}
{{ "    " + line if line }}
{% endfor %}
}
