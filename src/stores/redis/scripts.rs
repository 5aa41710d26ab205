//! What is done in Redis in one step each.
//!
//! A record is a hash with the fields `version` and `record`; a lease is a text, the name of its
//! owner, that expires. Both keys have the same hash tag, so a cluster keeps them on one node.

use std::sync::LazyLock;

use redis::Script;

/// Keys: record. Returns the text of the record, if there is one.
pub(super) static LOAD: LazyLock<Script> =
    LazyLock::new(|| Script::new("return redis.call('HGET', KEYS[1], 'record')"));

/// Keys: record, channel. Arguments: the version that must be there (`0` for none), the new one, and
/// its text. Returns whether it was saved.
pub(super) static SAVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'record', ARGV[3])
redis.call('PUBLISH', KEYS[2], ARGV[2])
return 1",
    )
});

/// Keys: lease. Arguments: owner, milliseconds. Returns whether the owner has it now.
pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1",
    )
});

/// Keys: lease. Arguments: owner. Gives it back, if it is still the owner's.
pub(super) static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0",
    )
});
