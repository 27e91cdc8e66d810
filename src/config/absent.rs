//! Commands that Redis has, up to version 8, and that do not exist here.
//!
//! Configuration files rename them away to be safe from them, which they are here anyway.

const ABSENT: &str = "\
    bitcount bitfield bitfield_ro bitop bitpos bzmpop bzpopmax bzpopmin delex digest failover geoadd geodist geohash \
    geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch geosearchstore getbit hdel \
    hexists hexpire hexpireat hexpiretime hget hgetall hgetdel hgetex hincrby hincrbyfloat hkeys hlen hmget hmset \
    hpersist hpexpire hpexpireat hpexpiretime hpttl hrandfield hscan hset hsetex hsetnx hstrlen httl hvals migrate \
    msetex pfadd pfcount pfdebug pfmerge pfselftest psync replconf restore-asking sadd scard sdiff sdiffstore setbit \
    sflush sinter sintercard sinterstore sismember smembers smismember smove spop srandmember srem sscan sunion \
    sunionstore sync vadd vcard vdim vemb vgetattr vinfo vismember vlinks vrandmember vrem vsetattr vsim xackdel \
    xcfgset xdelex zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore \
    zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex \
    zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion \
    zunionstore";

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ABSENT.split_ascii_whitespace()
}

/// Whether Redis has a command of this name that does not exist here.
pub(crate) fn is_absent(name: &[u8]) -> bool {
    names().any(|absent| absent.as_bytes().eq_ignore_ascii_case(name))
}
