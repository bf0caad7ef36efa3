"""FilterLab: net surgery by hand, on Caffe nets.

The package is a small house: :mod:`filterlab.caffe` (the engine) stands alone;
:mod:`filterlab.pictures`, :mod:`filterlab.surgery` and :mod:`filterlab.zoo` build on it;
:mod:`filterlab.gui` is the only room that knows Qt.
"""

__version__ = "1.0.0"
