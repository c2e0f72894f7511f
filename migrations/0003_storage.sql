-- What the rooms that are not over take together, so that the statement that would add one too many adds none.
-- Counting them anew each time would read a page for each room.

-- Bytes that a room takes: its row, and its manifest in whole pages. Nothing, once it is over: what is left then is
-- small, and few of those are kept.
alter table rooms add column stored_bytes integer not null generated always as (
    case when sealed_manifest is null then 0 else 1024 + (length(sealed_manifest) + 4095) / 4096 * 4096 end
) virtual;

create table storage (
    -- One row.
    id    integer primary key not null check (id = 1),
    rooms integer not null,
    bytes integer not null
) strict;

insert into storage (id, rooms, bytes)
    select 1, count(sealed_manifest), ifnull(sum(stored_bytes), 0) from rooms;

create trigger room_added after insert on rooms begin
    update storage set rooms = rooms + (new.sealed_manifest is not null), bytes = bytes + new.stored_bytes;
end;

create trigger room_changed after update of sealed_manifest on rooms begin
    update storage set
        rooms = rooms + (new.sealed_manifest is not null) - (old.sealed_manifest is not null),
        bytes = bytes + new.stored_bytes - old.stored_bytes;
end;

create trigger room_forgotten after delete on rooms begin
    update storage set rooms = rooms - (old.sealed_manifest is not null), bytes = bytes - old.stored_bytes;
end;

-- The sweep forgets those first that ended first.
create index rooms_by_end on rooms (min(expires_at, ifnull(closed_at, expires_at))) where sealed_manifest is null;
