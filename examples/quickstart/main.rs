//! The main job in one program: vendors' APIs side by side, each called from many tasks while
//! its server kills tokens, wants codes, migrates the account or ends a login elsewhere. No caller
//! notices.
//!
//! It starts a simulator of each API on a loopback port and talks to it through a real hyper client:
//!
//! ```sh
//! cargo run --example quickstart
//! ```
//!
//! Each file beside this one is what a program of your own would do for that vendor.

mod back_office;
mod calls;
mod fintiv;
mod glue;
mod my2n;
mod q2;
mod row;

use std::time::Duration;

use tower_reauth::BoxError;

/// How long calls are made.
const LASTING: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    println!("calls from many tasks for {LASTING:?}, to a simulator of each vendor's API\n");
    let (my2n, glue, fintiv, q2, back_office) = tokio::try_join!(
        my2n::run(),
        glue::run(),
        fintiv::run(),
        q2::run(),
        back_office::run(),
    )?;
    let rows = [my2n, glue, fintiv, q2, back_office];
    row::print(&rows);
    if rows.iter().any(|row| !row.is_good()) {
        return Err("somebody noticed something: see above".into());
    }
    Ok(())
}
