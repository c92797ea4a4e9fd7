{% for name, number in options %}
#ifndef {{ name }}
#define {{ name }} {{ number }} /* Linux; too new for some headers */
#endif
{% endfor %}
