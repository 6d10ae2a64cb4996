//! What arguments mean, what is refused, and the help as people see it.
