//! Looking at the start of a response body and handing it on unchanged.
