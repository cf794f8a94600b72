"""The intermediate representation: the resolved query, the plan of its requests, and intervals of time."""
