//! A strict simulator of the Back Office API on a loopback port.
