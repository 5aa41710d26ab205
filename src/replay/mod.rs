//! Request bodies that can be sent twice.
