//! One sign-in for several processes, and from one run to the next: a store for tokens, and the
//! transaction in which they are renewed.
//!
//! # What a session with a store does
//!
//! A [`StoreLayer`] around the token service (a session has one by
//! [`SessionBuilder::store`](crate::SessionBuilder::store)) makes of each renewal this transaction:
//!
//! 1. Look: if somebody has renewed meanwhile, their token is adopted, and that is all.
//! 2. Take the lease, and look again: of all who share the key, one renews at a time. If the token
//!    that others renewed has expired as well, *its* refresh token is the one that is used.
//! 3. Note that a renewal begins, if a refresh token is about to be spent.
//! 4. Renew.
//! 5. Save, if nobody else has saved since. Then give the lease back, and only then the session
//!    uses the token.
//!
//! So a restart with a live token in the store does not sign in, and ten replicas present a
//! single-use refresh token once.
//!
//! # When something fails
//!
//! - The store cannot be reached: no token is renewed, because others might be doing just that; the
//!   one in hand is used as long as it lives. [`fail_open`](StoreLayer::fail_open) is the other
//!   choice.
//! - The token was renewed, but cannot be saved: it is used, [`Event::Warned`](crate::Event) says
//!   so, and saving is tried again until it is done or overtaken.
//! - Whoever renewed died before it could save: the note of step 3 says so, and
//!   [`LostAnswer`] says what is done about it.
//! - A holder sleeps longer than its lease: its save is refused, and it adopts what came after.
//!
//! # Example
//!
//! ```
//! use tower::service_fn;
//! use tower_reauth::{
//!     BoxError, Renewal, Session, Token,
//!     store::{StoreKey, StoreLayer},
//!     stores::MemoryStore,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let store = MemoryStore::new();
//! let session = |access: &'static str| {
//!     let tokens = service_fn(move |_: Renewal| async move { Token::new(access) });
//!     let key = StoreKey::new("example", "https://api.example.com", "foo@bar.com");
//!     Session::builder(tokens)
//!         .origin("https://api.example.com")
//!         .store(StoreLayer::new(store.clone(), key))
//!         .build()
//! };
//! assert_eq!(session("first")?.token().await?.token().expose(), "first");
//! // The next one finds it, and asks nobody.
//! assert_eq!(session("second")?.token().await?.token().expose(), "first");
//! # Ok(())
//! # }
//! ```

mod key;
mod layer;
mod link;
mod record;
mod service;
mod token_store;
mod transaction;
mod watch;

pub use self::{
    key::StoreKey,
    layer::{LostAnswer, StoreLayer},
    record::Record,
    service::Stored,
    token_store::{Changes, Lease, Release, Saved, StoreFuture, TokenStore},
};
pub(crate) use self::{link::Link, transaction::run};
