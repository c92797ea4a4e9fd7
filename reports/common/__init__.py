"""What several verbs share: result files read and counted, and how they are worded, tabled and printed."""
