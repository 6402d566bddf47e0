"""What a .glfz file holds as an .npy file or a folder of PNG files."""

import numpy as np
from PIL import Image

from glf.core import files


def write_images(decompressor, path):
    """Writes all images of a `Decompressor`; returns the indices of those that are lost.

    An .npy file holds those of one size, uint8 [n, h, w, c], those that are lost left out. A folder
    gets a PNG file for each, under the name that it had, or its number.

    Raises:
      DamagedFile: if a block is damaged, and nothing is to be recovered. Then no .npy file is
        written; PNG files that were complete stay.
      ValueError: if the images differ in size and an .npy file is asked for.
    """
    path = files.expanded(path)
    write = _write_array if path.suffix == ".npy" else _write_folder
    return write(decompressor, path)


def _write_array(decompressor, path):
    listed = decompressor.listed
    if listed.names is not None and len({listed.size(i) for i in range(listed.count)}) > 1:
        raise ValueError(f"The images differ in size: --out={path} has to be a folder.")
    lost, written = [], 0
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        for index, image in decompressor.images():
            if image is None:
                lost.append(index)
                continue
            if not written:
                start = _write_head(file, listed.count, image)
            file.write(np.ascontiguousarray(image))
            written += 1
        if not written:
            raise ValueError("Nothing is intact: no image can be recovered.")
        if lost:
            file.seek(0)
            if _write_head(file, written, image) != start:
                raise RuntimeError("the heads of two .npy files of the same kind differ in length")
    return lost


def _write_head(file, count, image):
    shape = (count, *image.shape)
    head = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, head)
    return file.tell()


def _write_folder(decompressor, folder):
    listed, lost = decompressor.listed, []
    digits = len(str(max(1, listed.count - 1)))
    for index, image in decompressor.images():
        if image is None:
            lost.append(index)
            continue
        name = listed.names[index] if listed.names else f"{index:0{digits}}"
        target = folder / name
        # Two files that differed in their kind alone keep their names apart.
        if target.suffix.lower() != ".png":
            target = target.with_name(target.name + ".png")
        pixels = image[..., 0] if image.shape[2] == 1 else image
        with files.atomic_path(target) as temporary:
            Image.fromarray(np.ascontiguousarray(pixels)).save(temporary, format="PNG")
    if len(lost) == listed.count:
        raise ValueError("Nothing is intact: no image can be recovered.")
    return lost
