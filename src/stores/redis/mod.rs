//! A store in Redis or Valkey: see [`RedisStore`].

mod scripts;
mod store;
mod target;

pub use self::store::RedisStore;
