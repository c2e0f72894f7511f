// What a file says of itself: title, artist, album and a picture. Fetched by the player when it plays, and not before:
// the library knows thirty containers and weighs as much as the rest of the page's script.
import { tokenizer } from "@tokenizer/range";
import { parseFromTokenizer, selectCover } from "music-metadata";

/** Bytes read for it at most: pictures are large, and what plays needs the line more. */
const MOST_BYTES = 6_000_000;
/** Times that it may go further without reading on. Whoever goes on like that walks through the whole file, from frame to frame. */
const MOST_JUMPS = 16;
const PICTURES = ["image/jpeg", "image/png", "image/webp", "image/gif"];

// Of an address that answers ranges, or of a blob.
globalThis.transfer4meTags = async (source, mimeType, size) => {
  const part = async (first, last) => {
    if (source instanceof Blob) return source.slice(first, last + 1).arrayBuffer();
    const answer = await fetch(source, { headers: { Range: `bytes=${first}-${last}` } });
    if (answer.status !== 206) throw new RangeError("there is nothing to read");
    return answer.arrayBuffer();
  };
  let left = MOST_BYTES;
  let jumps = MOST_JUMPS;
  let next = 0;
  const client = {
    abort() {},
    async getResponse(_, [first, last]) {
      left -= last - first + 1;
      if (first !== next) jumps -= 1;
      next = last + 1;
      if (left < 0 || jumps < 0) throw new RangeError("the tags are too far from the start");
      const contentRange = { firstBytePosition: first, lastBytePosition: last, instanceLength: size };
      const bytes = new Uint8Array(await part(first, last));
      const arrayBuffer = async () => bytes;
      return { size, mimeType, acceptPartialRequests: true, contentRange, arrayBuffer };
    },
  };
  const options = { avoidHeadRequests: true, initialChunkSize: Math.min(size, 65536), minimumChunkSize: 65536 };
  const { common } = await parseFromTokenizer(await tokenizer(client, options), { skipPostHeaders: true, mkvUseIndex: true });
  const cover = selectCover(common.picture);
  // By its own type list, like everything else that a stranger sent.
  const shown = cover && PICTURES.includes(cover.format.toLowerCase());
  const picture = shown ? new Blob([cover.data], { type: cover.format.toLowerCase() }) : null;
  return [common.title ?? "", common.artist ?? "", common.album ?? "", picture];
};
