//! The small client that the binary is when called as `redis-cli` or `pregon cli`.
