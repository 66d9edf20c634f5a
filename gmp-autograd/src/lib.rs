//! A small, allocation-free, tape-based reverse mode over matrices.
