/*
{% for line in head %}
 *{{ " " + line if line }}
{% endfor %}
 */
#define _GNU_SOURCE /* Linux: all of the constants */
{% for header in headers %}
#include <{{ header }}>
{% endfor %}
{% include "options.c" %}

{% if helpers %}
{{ helpers }}

{% endif %}
int main(void) {
{% for line in body %}
{{ "    " + line if line }}
{% endfor %}
}
