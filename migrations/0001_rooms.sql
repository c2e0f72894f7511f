-- Rooms. The server knows how much a room holds and what kind, never a file's name: names are inside the
-- sealed manifest, whose key is in the fragment of the share link, which browsers do not send.
create table rooms (
    -- 96 random bits, base64url: what is in the path of the link.
    room_id          text primary key not null,
    -- Unix time in seconds.
    created_at       integer not null,
    expires_at       integer not null,
    -- When its owner stopped sharing. The row of a room that is over stays for a day, so that a late visitor is
    -- told what happened; the manifest goes at once.
    closed_at        integer,
    -- AES-256-GCM under a key that the server does not have. Null once the room is over.
    sealed_manifest  blob,
    total_bytes      integer not null,
    file_count       integer not null,
    -- audio, video, image or other.
    media_kind       text not null,
    -- direct, for now.
    topology         text not null,
    -- SHA-256 of the join token, and of the owner token. Both tokens are random, so a plain hash is enough.
    join_verifier    blob not null,
    owner_token_hash blob not null,
    -- Argon2id in PHC form. Null: no password is asked.
    password_hash    text
) strict;

-- The sweep asks for what has ended.
create index rooms_by_expiry on rooms (expires_at);
