"""A reference machine of connect() and the calls around it: what a call may answer in each state.

`state` holds the nouns, `rules` names the rule that a call falls under and the states it leads to, `traits.yaml` has of
each rule the answers that documents allow and that platforms give, `oracle` follows a transcript, `races` one of calls
that overlap, `explore` finds a walk to each rule, `expected` holds what scenarios expect against the rules.

A state is that of one walk, of one domain and type: a listener with space, a full queue, a port that refuses, and the
non-blocking sockets of a walk. Of races alone are a connect() that waits, signals, space that comes in the full queue,
and descriptors that share a socket. Not modelled, so that every answer is allowed: other blocking calls, time
(TIME-WAIT, retransmission, timers), space in buffers, options other than SO_ERROR, paths that are removed, IPv4 beside
IPv6. A socket that has left the modelled states is `lost`, and no further answer of it is judged.
"""
