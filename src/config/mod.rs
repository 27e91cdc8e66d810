//! Directives: the table, values, loading, rewriting.
