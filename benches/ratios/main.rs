//! The table of `benches/README.md`: what each layer costs beside its peers, in one run.
//!
//! ```sh
//! cargo bench --bench ratios
//! ```
//!
//! Contestants take turns in short windows, and the medians of their windows are compared, so that
//! what else the machine does hits all of them alike.
#![allow(unsafe_code, reason = "a counting allocator cannot do without")]

#[path = "../common/mod.rs"]
mod common;

mod allocations;
mod bodies;
mod calls;
mod chains;
mod table;
mod threads;
mod turns;

fn main() {
    let runtime = common::runtime();
    let _guard = runtime.enter();
    table::begin();
    for rows in [calls::rows, threads::rows, bodies::rows, chains::rows] {
        table::print(rows());
    }
}
