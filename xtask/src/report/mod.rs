//! From plain results to figures, statistics and one HTML page.
