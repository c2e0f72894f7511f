// What a file says of itself: title, artist, album and a picture. Fetched by the player when it plays, and not before:
// the library knows thirty containers and weighs as much as the rest of the page's script.
//
// Text is worth more than a picture. Whatever is too large, lies about its size or breaks is left out, and what was read
// before and after it counts.
import { tokenizer } from "@tokenizer/range";
import { parseFromTokenizer, selectCover } from "music-metadata";
import { EndOfStreamError } from "strtok3";

/** Bytes read for it at most. Nearly all of them stand before the sound, so that the player has fetched them already. */
const MOST_BYTES = 12_000_000;
/** Bytes of one thing that are read at most; the library gets zeros for the rest of it, up to so many bytes in all. */
const MOST_AT_ONCE = 5_000_000;
const MOST_WITH_ZEROS = 20_000_000;
/** Bytes of a picture. */
const MOST_PICTURE = 3_000_000;
/** Bytes of an ID3 frame that is no picture, and of all of these together. */
const MOST_FRAME = 65_536;
const MOST_FRAMES = 1_000_000;
/** Times that it may go further without reading on. Whoever goes on like that walks through the whole file, from frame to frame. */
const MOST_JUMPS = 16;
/** The same for what stands in front of the sound, where a large picture is passed by one. */
const MOST_JUMPS_IN_TAG = 64;
/** Read at once at least. */
const CHUNK = 65_536;
/** Of a text; the page shows less. */
const MOST_CHARS = 4000;

/** By what they begin with, and nothing that could hold a script: a stranger wrote what they are said to be. */
const PICTURES = {
  "image/jpeg": [0xff, 0xd8, 0xff],
  "image/png": [0x89, 0x50, 0x4e, 0x47],
  "image/gif": [0x47, 0x49, 0x46, 0x38],
  "image/webp": [0x52, 0x49, 0x46, 0x46, , , , , 0x57, 0x45, 0x42, 0x50],
};

// Of an address that answers ranges, or of a blob.
globalThis.transfer4meTags = async (source, mimeType, size) => {
  const read = async (first, end) => {
    if (source instanceof Blob) return new Uint8Array(await source.slice(first, end).arrayBuffer());
    const answer = await fetch(source, { headers: { Range: `bytes=${first}-${end - 1}` } });
    if (answer.status !== 206) throw new RangeError("there is nothing to read");
    return new Uint8Array(await answer.arrayBuffer());
  };
  const file = bounded(read, size);
  file.beginAnew(MOST_JUMPS_IN_TAG);
  const parts = await withoutLargeFrames(file, size).catch(() => [{ first: 0, end: size }]);
  const found = { pictures: [] };
  // Once more without pictures, if one of them broke it.
  for (const skipCovers of [false, true]) {
    file.beginAnew();
    if ((await parse(parts, file, mimeType, skipCovers, found)) || (found.title && found.artist)) break;
  }
  const text = (words) => (typeof words === "string" ? words.slice(0, MOST_CHARS) : "");
  return [text(found.title), text(found.artist), text(found.album), picture(found.pictures)];
};

/** Reads what is asked for, up to the limits. What was read is kept: the library asks for the same once more. */
function bounded(read, size) {
  const kept = [];
  let left = MOST_BYTES;
  let jumps, next;
  return {
    beginAnew(mostJumps = MOST_JUMPS) {
      [jumps, next] = [mostJumps, 0];
    },
    async read(first, to) {
      const end = Math.min(to, size);
      if (first >= end) return new Uint8Array();
      const known = kept.find((one) => one.first <= first && end <= one.first + one.bytes.length);
      if (known) return known.bytes.subarray(first - known.first, end - known.first);
      left -= end - first;
      // What it read to the end of and goes on in is no jump.
      if (first > next || end <= next) jumps -= 1;
      next = end;
      // As if the file ended here: the library makes of it what it has.
      if (left < 0 || jumps < 0) throw new EndOfStreamError();
      const bytes = await read(first, end);
      kept.push({ first, bytes });
      return bytes;
    },
  };
}

/** Has the library look for tags. Tells whether it came to an end; what it found until then is there in any case. */
async function parse(parts, file, mimeType, skipCovers, found) {
  const size = parts.reduce((sum, { bytes, first, end }) => sum + (bytes?.length ?? end - first), 0);
  const client = {
    abort() {},
    async getHeadInfo() {
      return { size, mimeType, acceptPartialRequests: true };
    },
    async getResponse(_, [first, last]) {
      const bytes = await readParts(parts, file, first, last + 1);
      return { arrayBuffer: async () => bytes };
    },
  };
  const keep = (common) => {
    for (const name of ["title", "artist", "album"]) found[name] ||= common[name];
    if (common.picture) found.pictures = [selectCover(common.picture), ...common.picture];
  };
  let seen;
  const observer = ({ metadata }) => (seen = metadata);
  const options = { skipPostHeaders: true, mkvUseIndex: true, skipCovers, observer };
  try {
    keep((await parseFromTokenizer(await tokenizer(client, { minimumChunkSize: CHUNK }), options)).common);
    return true;
  } catch {
    if (seen) keep(seen.common);
    return false;
  }
}

/** Bytes of a file that is put together of parts: of bytes that are here, or of a stretch of the real one. */
async function readParts(parts, file, first, end) {
  if (end - first > MOST_WITH_ZEROS) throw new RangeError("this is too long");
  const result = new Uint8Array(end - first);
  const readTo = Math.min(end, first + MOST_AT_ONCE);
  let at = 0;
  for (const part of parts) {
    const length = part.bytes?.length ?? part.end - part.first;
    const [from, to] = [Math.max(first, at), Math.min(readTo, at + length)];
    if (from < to) {
      const place = from - at;
      const bytes = part.bytes
        ? part.bytes.subarray(place, place + to - from)
        : await file.read(part.first + place, part.first + place + to - from);
      result.set(bytes, from - first);
    }
    at += length;
  }
  return result;
}

/**
 * The file with an ID3v2 tag of those frames alone that are worth reading, since the library reads a tag as one: the
 * first large picture that is not too large, and small frames. Its size is what they take, whatever the tag claims.
 */
async function withoutLargeFrames(file, size) {
  let chunk = { first: 0, bytes: new Uint8Array() };
  const peek = async (first, length) => {
    if (first + length > chunk.first + chunk.bytes.length) {
      chunk = { first, bytes: await file.read(first, first + CHUNK) };
    }
    return chunk.bytes.subarray(first - chunk.first, first - chunk.first + length);
  };
  const head = await peek(0, 10);
  const version = head[3];
  const isTag = head.length === 10 && head[0] === 0x49 && head[1] === 0x44 && head[2] === 0x33;
  if (!isTag || version < 2 || version > 4) return [{ first: 0, end: size }];
  const sevenBits = (bytes) => bytes.reduce((sum, byte) => sum * 128 + (byte & 127), 0);
  const eightBits = (bytes) => bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const end = Math.min(size, 10 + sevenBits(head.subarray(6)));
  let at = 10;
  if (version > 2 && head[5] & 0x40) {
    const extended = await peek(10, 4);
    at += version === 3 ? 4 + eightBits(extended) : sevenBits(extended);
  }
  const [idLength, headLength] = version === 2 ? [3, 6] : [4, 10];
  const frames = [];
  let sum = 0;
  let hasPicture = false;
  try {
    while (at + headLength < end) {
      const frame = await peek(at, headLength);
      const id = String.fromCharCode(...frame.subarray(0, idLength));
      // Padding, or something else.
      if (!/^[A-Z][A-Z0-9]+ ?$/.test(id)) break;
      const length = (version === 4 ? sevenBits : eightBits)(frame.subarray(idLength, version === 2 ? 6 : 8));
      const isPicture = id === "APIC" || id === "PIC";
      const takes = isPicture ? !hasPicture && length <= MOST_PICTURE : length <= MOST_FRAME && sum + length <= MOST_FRAMES;
      if (takes && length > 0 && at + headLength + length <= end) {
        const last = frames.at(-1);
        if (last?.end === at) last.end = at + headLength + length;
        else frames.push({ first: at, end: at + headLength + length });
        if (isPicture) hasPicture = true;
        else sum += length;
      }
      at += headLength + length;
    }
  } catch {
    // What stands before it is enough.
  }
  const length = frames.reduce((sum, { first, end }) => sum + end - first, 0);
  const header = Uint8Array.from(head);
  // The extended header was left out.
  header[5] &= 0xbf;
  for (let place = 0; place < 4; place++) header[6 + place] = (length >> (7 * (3 - place))) & 127;
  return [{ bytes: header }, ...frames, { first: end, end: size }];
}

/** The first that is one, and is not too large. */
function picture(pictures) {
  for (const { data } of pictures) {
    if (!(data instanceof Uint8Array) || data.length > MOST_PICTURE) continue;
    const begins = ([, head]) => head.every((byte, place) => data[place] === byte);
    const type = Object.entries(PICTURES).find(begins)?.[0];
    if (type) return new Blob([data], { type });
  }
  return null;
}
