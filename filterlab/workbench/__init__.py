"""The models of the tabs, without Qt: what window, command line and folder run share."""
