//! What readers accept. Inputs are files of the person who opens them: the limits keep a hostile
//! one from eating the machine, and no honest one should ever meet them.

/// Notes kept of one reading.
pub const NOTES: usize = 1_000;

/// Bytes of counter files that may wait for their meta-data.
pub const WAITING_BYTES: usize = 256 << 20;
