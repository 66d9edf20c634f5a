//! The figures and tables of the paper, one file each.
pub mod fig1;
pub mod fig5;
