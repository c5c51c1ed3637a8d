"""The model beside published figures, theory and recordings: what `make validation` writes."""
