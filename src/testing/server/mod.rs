//! What the simulators share: sockets, faults, books and the way of a request.
//!
//! A simulator is written like this:
//!
//! - An `Endpoint` enum with `Display`, and a `Shared` struct with a [`Desk`] in its field `desk`,
//!   which keeps the books that all simulators have: faults, violations, uploads, connections.
//! - [`Site`] for `Shared` (or, with several ports, for one struct a port that holds it): which
//!   endpoint a request is for, whether its head is let in, and the answer once it is whole.
//! - A public `Simulator` with the fields `shared` and one [`Listening`] a port, and [`controls!`]
//!   for what its desk can do.
//!
//! [`Mail`] delivers codes, [`Secrets`] makes tokens, and `rules` reads requests.

#[cfg(test)]
pub(crate) mod client;
mod controls;
mod dates;
mod desk;
mod fault;
mod flow;
mod listen;
mod mail;
mod reply;
mod respond;
mod retry_after;
mod rules;
mod secrets;
mod uploads;
mod wire;

pub(crate) use self::{
    controls::controls,
    desk::{Desk, Now},
    fault::Cue,
    flow::{Arrived, Refused, Site},
    listen::Listening,
    mail::Mail,
    reply::Reply,
    respond::{json_text, respond},
    rules::{
        CREDENTIALS, accepts, accepts_json, address_tells, bearer, essence, path, read_fields,
        twice,
    },
    secrets::Secrets,
};
pub use self::{dates::DateFormat, fault::Fault, retry_after::RetryAfter, uploads::Upload};
