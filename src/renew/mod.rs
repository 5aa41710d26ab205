//! The coordination of renewals: what a token service is asked, and what happens when.
//!
//! A session keeps one token in a lock-free cell and renews it with one *flight* at a time. A
//! flight runs in a task of its own, so that callers can come and go; each of them gets its one
//! result. After a failure callers get the stored error at once until a cool-down is over.
//!
//! Nothing here knows HTTP.

mod ask;
mod backoff;
mod cell;
mod event;
mod flight;
mod pilot;
mod renewal;
mod renewer;
mod schedule;
mod state;
mod usable;

pub(crate) use self::{
    ask::{Ticket, no_runtime},
    cell::{Credential, Entry, LEAST_LIFETIME, Mark},
    renewal::SignInTraffic,
    renewer::{Renewer, Settings, Source, WeakRenewer},
    usable::Usable,
};
pub use self::{
    event::Event,
    renewal::{Reason, Renewal, Renewed},
};
