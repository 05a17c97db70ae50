"""Written surfaces, read back with nibabel and byte by byte."""

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty import InputError
from napari_uncertainty.analysis.surfaces import iter_mesh
from napari_uncertainty.io.surface_files import write_surface
from napari_uncertainty.steps import run
from support.generated import OBLIQUE
from support.phantoms import asymmetric

SHAPE = (20, 21, 22)


@pytest.fixture
def mesh(rng):
    values = rng.random(SHAPE).astype(np.float32)
    return run(iter_mesh(asymmetric(SHAPE), values, [2])).in_space(OBLIQUE)


@pytest.mark.parametrize("file_name", ["left.surf.gii", "left.gii", "LEFT.GII"])
def test_gifti_is_read_by_nibabel(mesh, tmp_path, file_name):
    path = tmp_path / file_name
    name = 'grey & white "größe" <1>'
    assert write_surface(path, mesh, name=name, measure="entropy", unit="bits") == [
        path
    ]
    image = nib.gifti.GiftiImage.from_bytes(path.read_bytes())
    assert image.meta["Name"] == name
    vertices, faces, values = image.darrays
    for array, intent, expected in (
        (vertices, "NIFTI_INTENT_POINTSET", mesh.vertices),
        (faces, "NIFTI_INTENT_TRIANGLE", mesh.faces),
        (values, "NIFTI_INTENT_SHAPE", mesh.values),
    ):
        assert array.intent == nib.nifti1.intent_codes[intent]
        assert array.data.dtype == expected.dtype
        np.testing.assert_array_equal(array.data, expected)
    scanner = nib.nifti1.xform_codes["NIFTI_XFORM_SCANNER_ANAT"]
    assert vertices.coordsys.dataspace == vertices.coordsys.xformspace == scanner
    np.testing.assert_array_equal(vertices.coordsys.xform, np.eye(4))
    assert vertices.meta["Name"] == faces.meta["Name"] == name
    assert faces.meta["TopologicalType"] == "Closed"
    assert values.meta["Name"] == "entropy"
    assert values.meta["Unit"] == "bits"


def parsed(path):
    """Lines of the header, vertices and faces of a binary PLY of triangles."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    lines = header.decode("ascii").splitlines()
    types = {"float": "<f4", "uchar": "u1"}
    of_vertex = lines[: next(n for n, line in enumerate(lines) if "face" in line)]
    fields = [
        (line.split()[2], types[line.split()[1]])
        for line in of_vertex
        if line.startswith("property")
    ]
    counts = {
        line.split()[1]: int(line.split()[2])
        for line in lines
        if line.startswith("element")
    }
    vertices = np.frombuffer(body, fields, counts["vertex"])
    rest = body[vertices.nbytes :]
    faces = np.frombuffer(rest, [("n", "u1"), ("at", "<i4", 3)], counts["face"])
    assert faces.nbytes == len(rest)
    return lines, vertices, faces


@pytest.mark.parametrize("kind", ["bytes", "floats", "none"])
def test_a_ply_has_the_vertices_colours_values_and_faces_that_were_given(
    mesh, tmp_path, rng, kind
):
    path = tmp_path / "left.ply"
    colors = rng.integers(0, 256, (len(mesh.vertices), 4), np.uint8)
    given = {"bytes": colors, "floats": colors / 255, "none": None}[kind]
    write_surface(
        path, mesh, name="größe\n1", measure="gini", unit="bits", colors=given
    )
    lines, vertices, faces = parsed(path)
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    assert r"comment gr\xf6\xdfe 1: gini in bits" in lines
    assert "property list uchar int vertex_indices" in lines
    place = ("x", "y", "z")
    color = () if given is None else ("red", "green", "blue", "alpha")
    assert vertices.dtype.names == (*place, *color, "uncertainty")
    for names, expected in ((place, mesh.vertices), (color, colors)):
        for column, name in enumerate(names):
            np.testing.assert_array_equal(vertices[name], expected[:, column])
    np.testing.assert_array_equal(vertices["uncertainty"], mesh.values)
    assert (faces["n"] == 3).all()
    np.testing.assert_array_equal(faces["at"], mesh.faces)


def test_colours_of_other_vertices_are_refused(mesh, tmp_path):
    with pytest.raises(ValueError, match="vertices"):
        write_surface(tmp_path / "a.ply", mesh, name="a", colors=np.zeros((5, 4)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".gii", ".ply"])
def test_same_surface_gives_same_bytes(mesh, tmp_path, ending):
    first, second = tmp_path / f"1{ending}", tmp_path / f"2{ending}"
    for path in (first, second):
        write_surface(path, mesh, name="left")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("ending", [".gii", ".ply"])
def test_interrupted_writing_leaves_the_old_file(mesh, tmp_path, monkeypatch, ending):
    path = tmp_path / f"left{ending}"
    path.write_bytes(b"old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_surface(path, mesh, name="left")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("file_name", ["left.stl", "left", "left.gii.gz", ".ply"])
def test_other_endings_are_refused(mesh, tmp_path, file_name):
    with pytest.raises(InputError) as refused:
        write_surface(tmp_path / file_name, mesh, name="left")
    assert str(refused.value) == f"{file_name}: a surface is saved as .gii or .ply."
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".gii", ".ply"])
def test_folder_that_does_not_exist_is_told(mesh, tmp_path, ending):
    with pytest.raises(InputError, match="cannot be written"):
        write_surface(tmp_path / "none" / f"left{ending}", mesh, name="left")
