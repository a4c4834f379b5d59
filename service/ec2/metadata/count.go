package metadata

// untokened counts a request of an instance that was answered without a token
// (IMDSv1).
func (s *Service) untokened(instance string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsafe == nil {
		s.unsafe = map[string]uint64{}
	}
	s.unsafe[instance]++
}

// Untokened is how many requests each instance has made without a token since
// the last time that this was asked.
func (s *Service) Untokened() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	counted := s.unsafe
	s.unsafe = nil
	return counted
}
