//! Sign-in for the Back Office API (B2Core).
