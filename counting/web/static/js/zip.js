/** A ZIP archive without compression, which photos would not gain from. (APPNOTE 6.3.10, sections 4.3 and 4.4) */

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8 = 0x0800;
const DATE = 0x21; // 1980-01-01
const LARGEST = 0xffffffff;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = LARGEST;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ LARGEST) >>> 0;
}

/** Little-endian numbers of two or four bytes: [size, value] pairs. */
function packed(...pairs) {
  const view = new DataView(new ArrayBuffer(pairs.reduce((sum, [size]) => sum + size, 0)));
  let place = 0;
  for (const [size, value] of pairs) {
    if (size === 2) view.setUint16(place, value, true);
    else view.setUint32(place, value, true);
    place += size;
  }
  return view.buffer;
}

/** An archive of `{name, blob}` files. */
export async function zip(files) {
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const { name, blob } of files) {
    const path = new TextEncoder().encode(name);
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    const common = [
      [2, VERSION],
      [2, UTF8],
      [2, 0],
      [2, 0],
      [2, DATE],
      [4, crc],
      [4, blob.size],
      [4, blob.size],
      [2, path.length],
      [2, 0],
    ];
    const header = packed([4, LOCAL], ...common);
    parts.push(header, path, blob);
    directory.push(
      packed([4, CENTRAL], [2, VERSION], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]),
      path,
    );
    offset += header.byteLength + path.length + blob.size;
    if (offset > LARGEST)
      throw new Error("more than 4 GB of photos do not fit in one archive: export fewer photos");
  }
  const size = directory.reduce((sum, part) => sum + (part.byteLength ?? part.length), 0);
  const end = packed(
    [4, END],
    [2, 0],
    [2, 0],
    [2, files.length],
    [2, files.length],
    [4, size],
    [4, offset],
    [2, 0],
  );
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
