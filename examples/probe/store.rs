//! Where the token is kept between runs, and for others at the same time.

use tower_reauth::{
    store::{StoreKey, StoreLayer},
    stores::{FileStore, RedisStore},
};

use crate::{args::Given, usage::Usage};

/// Returns the store that the command line asks for, with the place of `key` in it.
pub(crate) fn of(given: &Given, key: StoreKey) -> Result<Option<StoreLayer>, Usage> {
    Ok(match (given.get("store"), given.get("redis")) {
        (None, None) => None,
        (Some(file), None) => Some(StoreLayer::new(FileStore::new(file), key)),
        (None, Some(url)) => Some(StoreLayer::new(RedisStore::new(url)?, key)),
        (Some(_), Some(_)) => {
            return Err(Usage::new(
                "--store and --redis are both given",
                "Leave one of them out: the token is kept in one place.",
            ));
        }
    })
}
