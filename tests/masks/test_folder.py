"""A person's own masks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.masks import FolderMasks
from saga.scene.camera import Camera, LensModel
from saga.scene.lens import image_to_pinhole

MakeCamera = Callable[..., Camera]

LABELS = np.zeros((14, 20), dtype=np.uint8)
LABELS[2:6, 3:9] = 7
LABELS[8:12, 10:19] = 200
MASKS = np.stack([LABELS == 7, LABELS == 200])
OVERLAPPING = np.stack([LABELS > 0, LABELS == 7, np.tri(14, 20, dtype=bool)])


def runs(mask: np.ndarray) -> list[int]:
    """Uncompressed COCO counts, by their definition."""
    counts, last = [0], False
    for value in mask.T.ravel().tolist():
        if value != last:
            counts.append(0)
            last = value
        counts[-1] += 1
    return counts


def write_json(path: Path, masks: np.ndarray) -> None:
    records = [{"segmentation": {"size": list(mask.shape), "counts": runs(mask)}, "id": 0} for mask in masks]
    path.write_text(json.dumps(records))


def read(folder: Path, camera: Camera) -> np.ndarray:
    return FolderMasks(folder, [camera]).masks(camera)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(LABELS),
        Image.fromarray(LABELS.astype(np.uint16) * 300),
        Image.fromarray(LABELS).convert("RGB"),
        Image.fromarray(LABELS).convert("RGBA"),
    ],
    ids=["8 bit", "16 bit", "gray as RGB", "gray as RGBA"],
)
def test_label_png(tmp_path: Path, camera: MakeCamera, image: Image.Image) -> None:
    image.save(tmp_path / "0003.png")
    masks = read(tmp_path, camera("0003.jpg"))
    assert masks.dtype == bool
    np.testing.assert_array_equal(masks, MASKS)


def test_palette_png_counts_by_index(tmp_path: Path, camera: MakeCamera) -> None:
    image = Image.fromarray((LABELS // 100).astype(np.uint8), mode="P")  # indices 0 and 2
    image.putpalette([255, 255, 255, 1, 1, 1, 255, 255, 255])
    image.save(tmp_path / "0003.png")
    np.testing.assert_array_equal(read(tmp_path, camera("0003.jpg")), MASKS[1:])


def test_one_bit_png_is_one_mask(tmp_path: Path, camera: MakeCamera) -> None:
    Image.fromarray(MASKS[0]).save(tmp_path / "0003.png")
    np.testing.assert_array_equal(read(tmp_path, camera("0003.jpg")), MASKS[:1])


def test_folder_as_amg_writes_it(tmp_path: Path, camera: MakeCamera) -> None:
    folder = tmp_path / "0003"
    folder.mkdir()
    for index in range(12):  # 10.png comes after 9.png
        mask = np.zeros((14, 20), np.uint8)
        mask[index, :] = 255
        Image.fromarray(mask).save(folder / f"{index}.png")
    (folder / "metadata.csv").write_text("id,area,bbox_x0,bbox_y0,bbox_w,bbox_h\n0,20,0,0,20,1\n")
    masks = read(tmp_path, camera("0003.jpg"))
    np.testing.assert_array_equal(masks, np.eye(12, 14, dtype=bool)[:, :, None].repeat(20, axis=2))


@pytest.mark.parametrize("array", [OVERLAPPING, OVERLAPPING.astype(np.uint8) * 255])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_binary_arrays(tmp_path: Path, camera: MakeCamera, array: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"0003{suffix}"
    np.save(path, array) if suffix == ".npy" else np.savez(path, anything=array)
    np.testing.assert_array_equal(read(tmp_path, camera("0003.jpg")), OVERLAPPING)


def test_label_arrays(tmp_path: Path, camera: MakeCamera) -> None:
    np.savez_compressed(tmp_path / "0003.npz", masks=LABELS.astype(np.int64) * 1000, scores=np.ones(2))
    np.testing.assert_array_equal(read(tmp_path, camera("0003.jpg")), MASKS)
    (tmp_path / "0003.npz").unlink()
    np.save(tmp_path / "0003.npy", MASKS[0])
    np.testing.assert_array_equal(read(tmp_path, camera("0003.jpg")), MASKS[:1])


def test_an_array_for_each_object(tmp_path: Path, camera: MakeCamera) -> None:
    np.savez(tmp_path / "0003.npz", **{"1": OVERLAPPING[0], "2": OVERLAPPING[1:2], "7": OVERLAPPING[2]})
    with pytest.warns(UserWarning, match="each of its arrays is an object"):
        np.testing.assert_array_equal(read(tmp_path, camera("0003.jpg")), OVERLAPPING)


def test_masks_with_a_channel_of_their_own(tmp_path: Path, camera: MakeCamera) -> None:
    np.save(tmp_path / "0003.npy", np.where(OVERLAPPING, 3.0, -2.0)[:, None])
    np.testing.assert_array_equal(read(tmp_path, camera("0003.jpg")), OVERLAPPING)


def test_several_label_maps_whose_none_is_minus_one(tmp_path: Path, camera: MakeCamera) -> None:
    fine = np.select([LABELS == 7, LABELS == 200], [0, 5], -1)
    coarse = np.where(LABELS > 0, 3, -1)
    np.save(tmp_path / "0003.npy", np.stack([fine, coarse]))
    with pytest.warns(UserWarning, match="taken as 2 label maps"), pytest.warns(UserWarning, match="negative labels"):
        masks = read(tmp_path, camera("0003.jpg"))
    np.testing.assert_array_equal(masks, [*MASKS, LABELS > 0])


def test_segment_anything_json(tmp_path: Path, camera: MakeCamera) -> None:
    write_json(tmp_path / "0003.json", OVERLAPPING)
    np.testing.assert_array_equal(read(tmp_path, camera("0003.jpg")), OVERLAPPING)


def test_masks_without_a_pixel_are_left_out(tmp_path: Path, camera: MakeCamera) -> None:
    write_json(tmp_path / "0003.json", np.stack([MASKS[0], np.zeros_like(MASKS[0])]))
    np.testing.assert_array_equal(read(tmp_path, camera("0003.jpg")), MASKS[:1])


@pytest.mark.parametrize("content", ["[]", None])
def test_an_image_without_any_mask(tmp_path: Path, camera: MakeCamera, content: str | None) -> None:
    if content is None:
        Image.fromarray(np.zeros((14, 20), np.uint8)).save(tmp_path / "0003.png")
    else:
        (tmp_path / "0003.json").write_text(content)
    assert read(tmp_path, camera("0003.jpg")).shape == (0, 14, 20)


def test_a_view_without_a_file_has_no_masks(tmp_path: Path, camera: MakeCamera) -> None:
    Image.fromarray(LABELS).save(tmp_path / "a.png")
    source = FolderMasks(tmp_path, [camera("a.jpg"), camera("b.jpg", 30, 10)])
    assert source.masks(camera("b.jpg", 30, 10)).shape == (0, 10, 30)
    assert source.features(camera("a.jpg")) is None
    assert "1 of 2 views" in source.description


def test_masks_of_another_size_take_the_nearest_pixel(tmp_path: Path, camera: MakeCamera) -> None:
    np.save(tmp_path / "a.npy", MASKS.repeat(3, axis=1).repeat(3, axis=2))
    np.testing.assert_array_equal(read(tmp_path, camera("a.jpg")), MASKS)
    np.save(tmp_path / "a.npy", MASKS)
    larger = read(tmp_path, camera("a.jpg", 40, 28))
    np.testing.assert_array_equal(larger, MASKS.repeat(2, axis=1).repeat(2, axis=2))


@pytest.mark.parametrize("scale", [1, 2])
def test_masks_are_undistorted_like_the_photograph(tmp_path: Path, camera: MakeCamera, scale: int) -> None:
    lens = LensModel("SIMPLE_RADIAL", 60, 42, (50.0, 30.0, 21.0, -0.3))
    view = camera("a.jpg", 60, 42, fx=70.0, fy=70.0, lens=lens)
    size = 42 * scale, 60 * scale
    y, x = np.mgrid[: size[0], : size[1]] / scale
    masks = np.stack([(x // 6 + y // 6) % 2 == 0, x > 40, np.ones(size, dtype=bool)])
    np.savez(tmp_path / "a.npz", masks)
    undistorted = read(tmp_path, view)
    for mask, expected in zip(undistorted, masks, strict=True):
        photograph = expected.astype(np.uint8) * 255
        np.testing.assert_array_equal(mask, image_to_pinhole(view, photograph, order=0) > 0)
    assert (undistorted[0] != masks[0][::scale, ::scale]).mean() > 0.05


def test_names_with_the_photographs_suffix_and_in_subfolders(tmp_path: Path, camera: MakeCamera) -> None:
    for side, mask in zip(("left", "right"), MASKS, strict=True):
        (tmp_path / side).mkdir()
        Image.fromarray(mask).save(tmp_path / side / "0001.jpg.png")
    cameras = [camera("left/0001.jpg"), camera("right/0001.jpg")]
    source = FolderMasks(tmp_path, cameras)
    for view, mask in zip(cameras, MASKS, strict=True):
        np.testing.assert_array_equal(source.masks(view)[0], mask)


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path, camera: MakeCamera) -> None:
    Image.fromarray(LABELS).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no PNG")
    source = FolderMasks(tmp_path, [camera("good.jpg"), camera("bad.jpg")])
    assert len(source.masks(camera("good.jpg"))) == 2
    with pytest.raises(SagaError, match="bad.png"):
        source.masks(camera("bad.jpg"))


def test_no_folder(tmp_path: Path, camera: MakeCamera) -> None:
    with pytest.raises(SagaError, match="nowhere: no such folder"):
        FolderMasks(tmp_path / "nowhere", [camera("a.jpg")])


def test_no_view_has_masks(tmp_path: Path, camera: MakeCamera) -> None:
    Image.fromarray(LABELS).save(tmp_path / "frame_1.png")
    with pytest.raises(SagaError, match=r"0003\.\*.*found frame_1.png") as caught:
        FolderMasks(tmp_path, [camera("0003.jpg")])
    assert "\n" not in str(caught.value)


def test_two_files_for_a_view(tmp_path: Path, camera: MakeCamera) -> None:
    Image.fromarray(LABELS).save(tmp_path / "a.png")
    write_json(tmp_path / "a.json", MASKS)
    with pytest.raises(SagaError, match=r"a\.json and a\.png"):
        FolderMasks(tmp_path, [camera("a.jpg")])


def test_a_soft_mask_is_warned_of_once(tmp_path: Path, camera: MakeCamera) -> None:
    soft = np.zeros((14, 20), np.uint8)
    soft[4:10, 5:15], soft[3, 5:15], soft[10, 5:15] = 255, 80, 180
    for name in ("a.png", "b.png"):
        Image.fromarray(soft).save(tmp_path / name)
    source = FolderMasks(tmp_path, [camera("a.jpg"), camera("b.jpg")])
    with pytest.warns(UserWarning, match="a.png: its gray levels are the soft edge") as said:
        masks = [source.masks(camera(name)) for name in ("a.jpg", "b.jpg")]
    assert len(said) == 1 and all(np.array_equal(mask, [soft > 127]) for mask in masks)
    with pytest.warns(UserWarning, match=r"belong to no view are left out: b\.png \(1 in all\)"):
        levels = FolderMasks(tmp_path, [camera("a.jpg")], kind="labels").masks(camera("a.jpg"))
    assert len(levels) == 3


def test_a_folder_of_soft_masks(tmp_path: Path, camera: MakeCamera) -> None:
    (tmp_path / "a").mkdir()
    soft = np.zeros((14, 20), np.uint8)
    soft[4:10, 5:15], soft[3, 5:15], soft[10, 5:15] = 255, 80, 180
    Image.fromarray(soft).save(tmp_path / "a" / "0.png")
    Image.fromarray(np.where(soft == 255, 1, 0).astype(np.uint8)).save(tmp_path / "a" / "1.png")
    np.testing.assert_array_equal(read(tmp_path, camera("a.jpg")), [soft > 127, soft == 255])


def test_probabilities_and_logits(tmp_path: Path, camera: MakeCamera) -> None:
    certain = np.where(MASKS, 0.9, 0.2).astype(np.float32)
    np.save(tmp_path / "a.npy", certain)
    np.testing.assert_array_equal(read(tmp_path, camera("a.jpg")), MASKS)
    np.save(tmp_path / "a.npy", np.log(certain / (1 - certain)))
    np.testing.assert_array_equal(read(tmp_path, camera("a.jpg")), MASKS)


def write_squares(folder: Path, *names: str) -> dict[str, np.ndarray]:
    """Writes a mask of its own under each name, white on black."""
    masks = {}
    for place, name in enumerate(names):
        mask = np.zeros((14, 20), bool)
        mask[2:6, place : place + 4] = True
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(folder / name)
        masks[name] = mask
    return masks


def test_each_folder_may_be_an_object(tmp_path: Path, camera: MakeCamera) -> None:
    masks = write_squares(tmp_path, "mug/0001.png", "plate/0001.png", "mug/0002.png", "cup/0002_mask.png")
    source = FolderMasks(tmp_path, [camera("0001.jpg"), camera("0002.jpg")])
    np.testing.assert_array_equal(source.masks(camera("0001.jpg")), [masks["mug/0001.png"], masks["plate/0001.png"]])
    np.testing.assert_array_equal(source.masks(camera("0002.jpg")), [masks["mug/0002.png"]])
    assert "each folder is an object" in source.description


@pytest.mark.parametrize("views", [("00000.jpg", "00001.jpg", "00002.jpg"), ("000.jpg", "001.jpg", "002.jpg")])
def test_numbered_objects(tmp_path: Path, camera: MakeCamera, views: tuple[str, ...]) -> None:
    names = [f"{number:03d}/{Path(view).stem}.png" for number in range(2) for view in views]
    masks = write_squares(tmp_path, *names)
    source = FolderMasks(tmp_path, [camera(view) for view in views])
    np.testing.assert_array_equal(source.masks(camera(views[2])), [masks[names[2]], masks[names[5]]])


def test_a_folder_of_an_object_must_not_hold_labels(tmp_path: Path, camera: MakeCamera) -> None:
    for name in ("instances", "classes"):
        (tmp_path / name).mkdir()
        Image.fromarray(LABELS).save(tmp_path / name / "0001.png")
    with pytest.raises(SagaError, match="0001.png: expected one object, .* found 2 labels"):
        read(tmp_path, camera("0001.jpg"))


def test_of_voc_s_folders_the_objects_count(tmp_path: Path, camera: MakeCamera) -> None:
    for name, labels in (("SegmentationClass", LABELS > 0), ("SegmentationObject", LABELS)):
        (tmp_path / name).mkdir()
        Image.fromarray(labels).save(tmp_path / name / "0001.png")
    np.testing.assert_array_equal(read(tmp_path, camera("0001.jpg")), MASKS)


def test_each_file_of_a_photograph_may_be_an_object(tmp_path: Path, camera: MakeCamera) -> None:
    masks = write_squares(tmp_path, "f_1_0.png", "f_1_1.png", "f_10_mug.png", "f_10_cup.png")
    source = FolderMasks(tmp_path, [camera("f_1.jpg"), camera("f_10.jpg")])
    np.testing.assert_array_equal(source.masks(camera("f_1.jpg")), [masks["f_1_0.png"], masks["f_1_1.png"]])
    np.testing.assert_array_equal(source.masks(camera("f_10.jpg")), [masks["f_10_cup.png"], masks["f_10_mug.png"]])


def test_a_folder_of_one_label_map(tmp_path: Path, camera: MakeCamera) -> None:
    (tmp_path / "0001").mkdir()
    Image.fromarray(LABELS).save(tmp_path / "0001" / "mask.png")
    np.testing.assert_array_equal(read(tmp_path, camera("0001.jpg")), MASKS)


def test_text_beside_masks_is_none(tmp_path: Path, camera: MakeCamera) -> None:
    (tmp_path / "0001.txt").write_text("a mug and a plate")
    masks = write_squares(tmp_path, "0001.png")
    np.testing.assert_array_equal(read(tmp_path, camera("0001.jpg")), [masks["0001.png"]])


def test_photographs_are_never_their_own_masks(tmp_path: Path, camera: MakeCamera) -> None:
    Image.fromarray(LABELS).save(tmp_path / "0001.png")
    view = camera("0001.png", image_path=tmp_path / "0001.png")
    with pytest.raises(SagaError, match="no mask for any .*these are the photographs themselves"):
        FolderMasks(tmp_path, [view])
    masks = write_squares(tmp_path, "0001-seg.PNG")
    np.testing.assert_array_equal(read(tmp_path, view), [masks["0001-seg.PNG"]])


def test_photographs_beside_masks_are_no_masks(tmp_path: Path, camera: MakeCamera) -> None:
    Image.fromarray(LABELS * 30).save(tmp_path / "0003.jpg")
    Image.fromarray(LABELS).save(tmp_path / "0003_mask.png")
    np.testing.assert_array_equal(read(tmp_path, camera("0003.jpg")), MASKS)


def damaged_npz(path: Path) -> None:
    np.savez_compressed(path, masks=np.random.default_rng(0).random((3, 14, 20)) < 0.5)
    raw = bytearray(path.read_bytes())
    start = 30 + int.from_bytes(raw[26:28], "little") + int.from_bytes(raw[28:30], "little")
    raw[start : start + 4] = b"\xff" * 4
    path.write_bytes(raw)


def damaged_npy(path: Path, old: bytes, new: bytes) -> None:
    np.save(path, MASKS)
    path.write_bytes(path.read_bytes().replace(old, new, 1))


def write_text(path: Path, text: str) -> None:
    path.write_text(text)


BROKEN: dict[str, Callable[[Path], object]] = {
    "a.npy": lambda path: write_text(path, "nothing"),
    "a.npz": lambda path: write_text(path, "nothing"),
    "b.npz": lambda path: np.savez(path, one=MASKS, two=MASKS),
    "b.npy": lambda path: np.save(path, np.array(["text"])),
    "c.npy": lambda path: np.save(path, np.random.default_rng(0).random((14, 20))),
    "d.npy": lambda path: np.save(path, np.arange(14 * 20 * 20).reshape(70, 80)),
    "c.npz": damaged_npz,
    "e.npy": lambda path: damaged_npy(path, b"), }", b"(, }"),
    "f.npy": lambda path: damaged_npy(path, b"(2, 14, 20)", b"(9999999999)"),
    "a.json": lambda path: write_text(path, "[{"),
    "g.json": lambda path: write_text(path, "[" * 100_000 + "]" * 100_000),
    "b.json": lambda path: write_text(path, "{}"),
    "c.json": lambda path: write_text(path, '[{"segmentation": [1, 2]}]'),
    "d.json": lambda path: write_text(path, '[{"segmentation": {"size": [2, 2], "counts": [3]}}]'),
    "e.json": lambda path: write_text(path, '[{"segmentation": {"size": [2, 2], "counts": "~"}}]'),
    "f.json": lambda path: write_text(path, '[{"segmentation": {"size": [2, 2]}}]'),
    "a.png": lambda path: write_text(path, "nothing"),
    "b.png": lambda path: Image.fromarray(np.random.default_rng(0).integers(0, 255, (14, 20, 3), np.uint8)).save(path),
    "a": lambda path: path.mkdir(),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_no_masks(tmp_path: Path, camera: MakeCamera, name: str) -> None:
    path = tmp_path / name
    BROKEN[name](path)
    with pytest.raises(SagaError, match=name) as caught:
        read(tmp_path, camera(f"{path.stem}.jpg"))
    assert "\n" not in str(caught.value)


def test_masks_of_different_sizes_in_one_file(tmp_path: Path, camera: MakeCamera) -> None:
    sizes = [[14, 20], [20, 14]]
    records = [{"segmentation": {"size": size, "counts": [0, 280]}} for size in sizes]
    (tmp_path / "a.json").write_text(json.dumps(records))
    with pytest.raises(SagaError, match="a.json: mask 1"):
        read(tmp_path, camera("a.jpg"))


def test_a_truncated_png(tmp_path: Path, camera: MakeCamera) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (14, 20), dtype=np.uint8)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SagaError, match="a.png"):
        read(tmp_path, camera("a.jpg"))


def test_another_aspect_ratio(tmp_path: Path, camera: MakeCamera) -> None:
    np.save(tmp_path / "a.npy", MASKS.transpose(0, 2, 1))
    with pytest.raises(SagaError, match="14x20 where the photograph is 20x14"):
        read(tmp_path, camera("a.jpg"))


def test_real_json_has_the_areas_it_states(shared: Path, camera: MakeCamera) -> None:
    folder = shared / "tabletop" / "masks_samlike"
    records = json.loads((folder / "007.json").read_text())
    masks = read(folder, camera("007.jpg", 640, 480))
    assert [int(mask.sum()) for mask in masks] == [record["area"] for record in records]
