-- Keys that the server makes for itself at its first start and keeps, so that a restart forgets nobody.
create table server_keys (
    -- `ticket`: the HMAC-SHA-256 key under which tickets are signed.
    name  text primary key not null,
    bytes blob not null
) strict;
