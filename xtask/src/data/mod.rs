//! Finding, fetching and converting the data sets of the paper.
