//! The admin API of the real executable: people and their rights, and every route as it is documented.

mod keys;
mod login;
mod pace;
mod routes;
mod schema;
