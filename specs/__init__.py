"""What is required: clauses, scenarios, profiles and the judge. Pure: no socket, no process, no clock."""
