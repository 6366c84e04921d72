//! What tests of the whole platform share: the real `stupsd` on a free port.
