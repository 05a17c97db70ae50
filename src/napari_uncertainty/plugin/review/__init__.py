"""The dock widget *Review uncertainty*."""
