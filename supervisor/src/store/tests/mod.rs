//! The store's tests: migrations, changes, kill -9, full disk, properties, usage, scale.

mod aggregates;
mod changes;
mod crash;
mod fixture;
mod full;
mod large;
mod migrations;
mod people;
mod properties;
mod usage;
