package fis

func (s *service) commandActions() []*kind { return nil }
