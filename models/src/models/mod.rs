//! One promise a file, with the twins that break it.

mod callers;
mod cleared;
mod codes;
mod copies;
mod deadlines;
mod failures;
mod readers;
mod refusals;
mod runtimes;
mod stores;
mod world;
