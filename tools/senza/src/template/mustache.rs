//! Mustache as pystache renders it in strict mode.
