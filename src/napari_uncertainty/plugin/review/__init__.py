"""The dock widget *Review uncertainty* and its parts."""
