//! Redis glob matching on bytes.
